"""Text to text with a model in memory."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from shared_transformer_tf import config, errors, validation
from shared_transformer_tf.decoding import sampling, scoring, search, sentences

_SCORED_TOKENS = 4096  # padded target tokens of one batch in forced scoring
_IDS = tf.TensorSpec([None, None], tf.int32)

Scored = list[tuple[str, float]]


def forced_scores(
    model, source_ids: tf.Tensor, target_ids: tf.Tensor
) -> tf.Tensor:
    """Returns the log-probability of each target, float32 (batch,), in nats.

    Args:
        model: called with sources and shifted targets, gives logits.
        source_ids: int32 (batch, source), 0 pads.
        target_ids: int32 (batch, target), end symbol included, 0 pads.
    """
    target_in = tf.pad(
        target_ids[:, :-1],
        [[0, 0], [1, 0]],
        constant_values=config.START_ID,
    )
    logits = model((source_ids, target_in), training=False)
    return scoring.log_probabilities(logits, target_ids)


class Translator:
    """Translates lists of strings; sorts and batches inside.

    One search graph is traced for each number of hypotheses asked for, and
    serves batches of every shape. The model's weights are read at each call,
    so a translator made before training follows it.

    Args:
        model: a `SharedTransformer`, or any model with its methods
            `start_decoding`, `initial_state`, `step_function` and `__call__`.
        tokenizer: has `encode_source`, `encode_target`, `decode_target`.
        options: the search; `None`: the defaults of `DecodingConfig`.
        max_length: tokens of a sentence, end symbol included. Longer input
            is cut, with a warning that counts the lines.

    Raises:
        InputError: if an option of the search is out of its range.

    Example:
        translator = Translator(model, tokenizer)
        translator(["A man rides a bike.", ""])  # ["Ein Mann ...", ""]
    """

    def __init__(
        self,
        model,
        tokenizer,
        options: config.DecodingConfig | None = None,
        max_length: int = 128,
    ):
        self.model = model
        self.tokenizer = tokenizer
        self.options = dataclasses.replace(options or config.DecodingConfig())
        validation.check_decoding(self.options)
        self.max_length = max_length
        self.traces = 0
        self._functions: dict = {}

    def __call__(
        self, lines: Sequence[str], num_best: int = 1
    ) -> list[str] | list[list[str]]:
        """Translates lines.

        Args:
            lines: sentences; a blank one is translated to "".
            num_best: translations per line, at most the beam size.

        Returns:
            One string per line, or with `num_best` above 1 a list of up to
            `num_best` strings per line, the best first.

        Raises:
            InputError: if `num_best` does not fit the beam size.
        """
        results = self.translate_with_scores(lines, num_best)
        texts = [[text for text, _ in result] for result in results]
        return texts if num_best > 1 else [text for (text,) in texts]

    def translate_with_scores(
        self, lines: Sequence[str], num_best: int = 1
    ) -> list[Scored]:
        """Translates lines and tells the scores.

        Args:
            lines: sentences; a blank one gets [("", 0.0)].
            num_best: hypotheses per line, at most the beam size.

        Returns:
            Per line up to `num_best` pairs of text and score, the best
            first. The token sequences differ, their texts may coincide. A
            score is the log-probability (natural logarithm) divided by the
            length penalty, plus the coverage penalty.

        Raises:
            InputError: if `num_best` does not fit the beam size.
        """
        return self._decode(self._encode(lines), self._search(num_best))

    def translate_ids(self, source_ids: Sequence[Sequence[int]]) -> list[str]:
        """Translates sentences that are encoded already.

        Args:
            source_ids: tokens per sentence, without start and end symbol.

        Returns:
            One string per sentence.
        """
        results = self._decode(self._not_too_long(source_ids), self._search(1))
        return [text for ((text, _),) in results]

    def sample(
        self,
        lines: Sequence[str],
        options: sampling.SamplingOptions | None = None,
        seed: int = 0,
    ) -> list[Scored]:
        """Draws random translations.

        Args:
            lines: sentences; a blank one gets [("", 0.0)].
            options: how many, and from what distribution.
            seed: the same seed, lines and options give the same samples.

        Returns:
            Per line `num_samples` pairs of text and log-probability under
            the model, as drawn.
        """
        options = options or sampling.SamplingOptions()

        def run(source_ids: tf.Tensor, seed: tf.Tensor):
            limits = search.row_limits(
                source_ids, self.options, self.max_length
            )
            space = search.search_space(
                self.model,
                source_ids,
                options.num_samples,
                limits,
                self.max_length,
            )
            drawn = sampling.sample(space, options, seed)
            return drawn.ids, drawn.scores, drawn.counts

        function = self._function(
            options, run, _IDS, tf.TensorSpec([2], tf.int32)
        )
        batches = iter(range(len(lines) + 1))
        return self._decode(
            self._encode(lines),
            lambda source_ids: function(source_ids, [seed, next(batches)]),
        )

    def score(
        self, sources: Sequence[str], targets: Sequence[str]
    ) -> list[float]:
        """Scores given translations.

        Args:
            sources: sentences.
            targets: their translations, as many. A blank one, or a blank
                source, is scored like any other: as a sentence of only the
                end symbol.

        Returns:
            Per pair the natural logarithm of the probability that the model
            gives the target's tokens and end symbol; not normalised.

        Raises:
            InputError: if there are not as many targets as sources.
        """
        if len(sources) != len(targets):
            raise errors.InputError(
                f"{len(sources)} sources came with {len(targets)} targets: "
                "give one target per source."
            )
        source_ids = self._encode(sources)
        target_ids = self._not_too_long(
            self.tokenizer.encode_target(
                [sentences.clean_text(x) for x in targets]
            )
        )
        function = self._function("score", self._score_batch, _IDS, _IDS)
        lengths = [
            max(len(source), len(target))
            for source, target in zip(source_ids, target_ids, strict=True)
        ]
        rows = max(1, _SCORED_TOKENS // (1 + max(lengths, default=0)))
        scores = np.zeros(len(sources), np.float32)
        for batch in sentences.batches(lengths, rows):
            scores[batch] = function(
                sentences.padded([source_ids[i] for i in batch]),
                sentences.padded([target_ids[i] for i in batch]),
            ).numpy()
        return scores.tolist()

    def _score_batch(self, source_ids, target_ids):
        return forced_scores(self.model, source_ids, target_ids)

    def _search(self, num_best: int) -> Callable:
        if not 1 <= num_best <= self.options.beam_size:
            raise errors.InputError(
                f"num_best is {num_best}, expected 1 to the beam size, "
                f"{self.options.beam_size}: lower num_best or raise beam_size."
            )

        def run(source_ids: tf.Tensor):
            found = search.search(
                self.model, source_ids, self.options, self.max_length, num_best
            )
            return found.ids, found.scores, found.counts

        return self._function(num_best, run, _IDS)

    def _function(self, key, python_function: Callable, *specs) -> Callable:
        if key not in self._functions:

            def traced(*arguments):
                self.traces += 1
                return python_function(*arguments)

            self._functions[key] = tf.function(
                traced, input_signature=specs, autograph=False
            )
        return self._functions[key]

    def _encode(self, lines: Sequence[str]) -> list[Sequence[int]]:
        lines = [sentences.clean_text(line) for line in lines]
        return self._not_too_long(self.tokenizer.encode_source(lines))

    def _not_too_long(self, ids: Sequence[Sequence[int]]) -> list:
        return sentences.cut(ids, self.max_length - 1)

    def _decode(
        self, source_ids: list[Sequence[int]], function: Callable
    ) -> list[Scored]:
        results: list[Scored] = [[("", 0.0)] for _ in source_ids]
        lengths = [len(tokens) for tokens in source_ids]
        for batch in sentences.batches(lengths, self.options.batch_sentences):
            batch = [i for i in batch if lengths[i]]  # blank lines are ""
            if not batch:
                continue
            ids, scores, counts = (
                result.numpy()
                for result in function(
                    sentences.padded([source_ids[i] for i in batch])
                )
            )
            for row, line in enumerate(batch):
                count = counts[row]
                texts = self.tokenizer.decode_target(ids[row, :count].tolist())
                results[line] = list(
                    zip(texts, scores[row, :count].tolist(), strict=True)
                )
        return results
