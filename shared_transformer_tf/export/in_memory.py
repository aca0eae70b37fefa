"""The model in memory, asked what an export is asked."""

import dataclasses
import sys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from shared_transformer_tf import config
from shared_transformer_tf.decoding import (
    hypotheses,
    search,
    sentences,
    translator,
)

_SCORED_ROWS = 64  # at once; their logits are as wide as the vocabulary


class Found(NamedTuple):
    """One translation.

    Attributes:
        text: of it.
        score: that the search gave.
        rescored: what teacher forcing gives, normalised like it.
        truncated: the limit came before the end, or the source was cut.
    """

    text: str
    score: float
    rescored: float
    truncated: bool


class InMemory:
    """Translates lines with a model in Python.

    Args:
        model: see `search.search_space`.
        tokenizer: its own.
        max_length: tokens of a sentence, end symbol included.
    """

    def __init__(self, model, tokenizer, max_length: int):
        self._model = model
        self._tokenizer = tokenizer
        self._max_length = max_length
        ids = tf.TensorSpec([None, None], tf.int32)
        self._score = tf.function(
            self._log_probabilities, [ids, ids], autograph=False
        )
        self._translators: dict[tuple, translator.Translator] = {}

    def translate(
        self, lines: Sequence[str], options: config.DecodingConfig
    ) -> list[str]:
        """Returns what a `Translator` makes of the lines, in one batch."""
        key = dataclasses.astuple(options)
        if key not in self._translators:  # each traces its search once
            together = dataclasses.replace(options, batch_sentences=sys.maxsize)
            self._translators[key] = translator.Translator(
                self._model, self._tokenizer, together, self._max_length
            )
        return self._translators[key](lines)

    def find(
        self,
        lines: Sequence[str],
        options: config.DecodingConfig,
        num_best: int,
        limit: int = 0,
    ) -> list[list[Found]]:
        """Searches for the best translations of each line.

        Args:
            lines: sentences.
            options: the search.
            num_best: translations of each.
            limit: tokens of a translation at most; 0: as of a source.
        """
        lines = [sentences.clean_text(line) for line in lines]
        longest = self._max_length - 1
        whole = self._tokenizer.encode_source(lines)
        ids = [x[:longest] for x in whole]
        most = min(limit or self._max_length, self._max_length)

        @tf.function(autograph=False)
        def run(sources: tf.Tensor):
            return search.search(self._model, sources, options, most, num_best)

        sources = sentences.padded(ids)
        sources = tf.constant(sources)
        found = run.get_concrete_function(sources)(sources)
        found = hypotheses.Hypotheses(*(x.numpy() for x in found))
        rescored = self._rescored(sources.numpy(), found, options)
        return [
            [
                Found(
                    self._tokenizer.decode_target([found.ids[row, n].tolist()])[
                        0
                    ],
                    float(found.scores[row, n]),
                    float(rescored[row, n]),
                    bool(found.truncated[row, n] or len(whole[row]) > longest),
                )
                for n in range(found.counts[row])
            ]
            for row in range(len(lines))
        ]

    def _rescored(self, sources, found, options) -> np.ndarray:
        rows, number, length = found.ids.shape
        targets = found.ids.reshape(rows * number, length)
        sources = np.repeat(sources, number, axis=0)
        totals = np.zeros(rows * number, "float32")
        for start in range(0, rows * number, _SCORED_ROWS):
            part = slice(start, start + _SCORED_ROWS)
            if length:
                totals[part] = self._score(
                    tf.constant(sources[part]), tf.constant(targets[part])
                )
        penalty = hypotheses.length_penalty(
            found.lengths, options.length_penalty, options.alpha
        )
        return totals.reshape(rows, number) / penalty.numpy()

    def _log_probabilities(self, source_ids, target_ids):
        return translator.forced_scores(self._model, source_ids, target_ids)
