"""An export in CTranslate2's form, back in Python."""

import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from shared_transformer_tf import errors
from shared_transformer_tf.data import tokenizer as tokenizer_lib
from shared_transformer_tf.decoding import sentences
from shared_transformer_tf.export import ctranslate2_spec, versions
from shared_transformer_tf.export.ctranslate2_library import ctranslate2

METADATA = "metadata.json"
# Beam search goes on until `PATIENCE` times the beam size hypotheses have
# finished. With 1, CTranslate2's default, it stops before it has seen some
# that our search, which stops when nothing better can come, returns.
PATIENCE = 2.0
_END = "</s>"
_NEVER = [["<pad>"], ["<s>"]]  # no part of a translation
# Of saved types that CPUs do not compute in; CTranslate2 would warn.
_COMPUTE_TYPES = {"float16": "float32"}

Hypothesis = tuple[list[str], float]


class CTranslate2Translator:
    """Translates lists of strings with a folder that `export` wrote.

    As `Translator` does: sorted batches, "" for blank lines, input cut at
    the export's longest, and for each line a limit of its own on the output.
    CTranslate2 takes one limit per batch: a batch gets its highest, and a
    line whose translation is longer than its own limit, or has no end, is
    translated again under that limit.

    Attributes:
        path: the version's folder.
        metadata: what the export says of itself, such as `max_length` and
            the search in `decoding`.

    Args:
        path: a version's folder, or the folder of versions, which stands for
            its newest.
        threads: batches translated at the same time, each by one core; 0: as
            many as there are cores.

    Raises:
        InputError: if there is no such export or it cannot be loaded.

    Example:
        CTranslate2Translator("exports")(["A man rides a bike."])
    """

    def __init__(self, path: str | os.PathLike, threads: int = 0):
        self.path = versions.newest(path)
        try:
            self.metadata = json.loads(
                pathlib.Path(self.path, METADATA).read_text("utf-8")
            )
            self._model = ctranslate2.Translator(
                self.path,
                inter_threads=threads or len(os.sched_getaffinity(0)),
                intra_threads=1,
                compute_type=_COMPUTE_TYPES.get(
                    self.metadata["quantization"], "default"
                ),
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise errors.InputError(
                f"{self.path} cannot be loaded as a CTranslate2 export "
                f"({' '.join(str(error).split())[:300]}): it is damaged or "
                "something else. Give what `export` wrote, or export again."
            ) from error
        self._tokenizer = tokenizer_lib.Tokenizer.load(self.path)
        self._source = ctranslate2_spec.pieces(self._tokenizer.source_model)
        self._target = ctranslate2_spec.pieces(self._tokenizer.target_model)
        self._ids = {piece: i for i, piece in enumerate(self._target)}

    def __call__(self, lines: Sequence[str]) -> list[str]:
        """Returns one translation per line, in order; "" for blank lines."""
        return [text for text, _ in self.translate_with_scores(lines)]

    def translate_with_scores(
        self, lines: Sequence[str]
    ) -> list[tuple[str, float]]:
        """Returns a translation and its score per line.

        A score is that of CTranslate2's search: the log-probability among all
        tokens but `<pad>` and `<s>`, which it leaves out before it normalises
        and `Translator` does not, divided by length ** alpha. That of a blank
        line is 0. `score` has no token left out.
        """
        sources = self._encode(lines)
        results: list[Hypothesis] = [([], 0.0)] * len(lines)
        wanted = [i for i, source in enumerate(sources) if source]
        for line, hypothesis in self._translated(sources, wanted, False):
            results[line] = hypothesis
        again = [
            i
            for i in wanted
            if len(results[i][0]) > self._limit(sources[i])
            or results[i][0][-1:] != [_END]
        ]
        for line, hypothesis in self._translated(sources, again, True):
            results[line] = hypothesis
        texts = self._tokenizer.decode_target(
            [self._ids[piece] for piece in tokens] for tokens, _ in results
        )
        return list(zip(texts, (score for _, score in results), strict=True))

    def score(
        self, sources: Sequence[str], targets: Sequence[str]
    ) -> list[float]:
        """Returns the log-probability of each target, as `Translator.score`.

        Args:
            sources: sentences, not blank.
            targets: their translations, as many.
        """
        longest = self.metadata["max_length"] - 1
        target_ids = self._tokenizer.encode_target(
            [sentences.clean_text(line) for line in targets]
        )
        scored = self._model.score_batch(
            self._encode(sources),
            [[self._target[i] for i in ids[:longest]] for ids in target_ids],
            max_batch_size=self._decoding["batch_sentences"],
            max_input_length=0,  # cut already
        )
        return [sum(result.log_probs) for result in scored]

    @property
    def _decoding(self) -> dict[str, Any]:
        return self.metadata["decoding"]

    def _encode(self, lines: Sequence[str]) -> list[list[str]]:
        """Unknown pieces by their symbol, and without the end symbol."""
        ids = self._tokenizer.encode_source(
            [sentences.clean_text(line) for line in lines]
        )
        kept = sentences.cut(ids, self.metadata["max_length"] - 1)
        return [[self._source[i] for i in row] for row in kept]

    def _limit(self, source: Sequence[str]) -> int:
        decoding = self._decoding
        # rounded as `search.row_limits` does
        limit = np.float32(decoding["max_length_factor"])
        limit = limit * np.float32(len(source))
        limit += np.float32(decoding["max_length_offset"])
        return int(np.clip(limit, 1, self.metadata["max_length"]))

    def _translated(
        self, sources: list[list[str]], lines: list[int], exactly: bool
    ) -> list[tuple[int, Hypothesis]]:
        """Returns pairs of line and hypothesis, in any order.

        Args:
            sources: pieces of all lines.
            lines: which of them to translate.
            exactly: batches are of lines with the same limit, and a
                translation that ends comes before any that was cut.
        """
        order = sorted(lines, key=lambda i: -len(sources[i]))
        batches: list[list[int]] = []
        for line in order:
            if not batches or not self._fits(
                batches[-1], sources, line, exactly
            ):
                batches.append([])
            batches[-1].append(line)
        pending = [self._start(sources, x, exactly) for x in batches]
        return [
            (line, _chosen(result.result()))
            for batch, results in zip(batches, pending, strict=True)
            for line, result in zip(batch, results, strict=True)
        ]

    def _fits(self, batch, sources, line: int, exactly: bool) -> bool:
        if len(batch) == self._decoding["batch_sentences"]:
            return False
        limits = (self._limit(sources[i]) for i in (batch[0], line))
        return not exactly or len(set(limits)) == 1

    def _start(self, sources, batch: list[int], exactly: bool) -> list:
        decoding = self._decoding
        beam_size = decoding["beam_size"]
        return self._model.translate_batch(
            [sources[i] for i in batch],
            beam_size=beam_size,
            patience=decoding["patience"],
            length_penalty=decoding["alpha"],
            max_decoding_length=self._limit(sources[batch[0]]),
            num_hypotheses=beam_size if exactly else 1,
            min_decoding_length=0,
            suppress_sequences=_NEVER,
            max_input_length=0,  # cut already
            return_end_token=True,
            return_scores=True,
            asynchronous=True,
        )


def _chosen(result: Any) -> Hypothesis:
    """The best that ends, else the best that was cut at the limit."""
    pairs = list(zip(result.hypotheses, result.scores, strict=True))
    ended = [pair for pair in pairs if pair[0][-1:] == [_END]]
    return (ended or pairs)[0]
