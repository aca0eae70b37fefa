"""What a search gets, what it returns, and how hypotheses are scored."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from shared_transformer_tf import config

IMPOSSIBLE = -1e9  # a score; finite, for infinities are no valid JSON
POSSIBLE = -5e8  # every real score is above


def gather_beams(state: Any, parents: tf.Tensor) -> Any:
    """Returns a state in which beams continue others.

    Args:
        state: nest of tensors, leading dimensions (batch, beams).
        parents: int32 (batch, beams), which beam each one continues.
    """
    return tf.nest.map_structure(
        lambda x: tf.gather(x, parents, batch_dims=1), state
    )


class SearchSpace(NamedTuple):
    """What to decode: the sources, seen through one step of a model.

    Attributes:
        step_fn: (ids (batch, beams) int32, position () int32, state, context)
            -> (logits (batch, beams, vocabulary) float32, attention (batch,
            beams, source) float32, new state). The vocabulary is static.
        state: nest of tensors, leading dimension the batch, before the first
            step. Its axes of length 0 grow with the steps.
        limits: (batch,) int32, output tokens at most, end symbol included.
            A row of limit 0 gets an empty hypothesis.
        source_mask: (batch, source) bool, true at tokens.
        context: nest of tensors, leading dimension the batch, that the steps
            do not change.
        reorder: (state, parents (batch, beams)) -> the state in which beams
            continue others.
        beam_sizes: (batch,) int32, of each row, at most the beams of the
            state; `None`: all of these.
        alphas: (batch,) float32, `DecodingConfig.alpha` of each row; `None`:
            that of the options.
    """

    step_fn: Callable
    state: Any
    limits: tf.Tensor
    source_mask: tf.Tensor
    context: Any = ()
    reorder: Callable = gather_beams
    beam_sizes: tf.Tensor | None = None
    alphas: tf.Tensor | None = None

    def of_rows(self) -> dict[str, Any]:
        """Returns what there is for each row, the state apart, by field."""
        names = ("limits", "source_mask", "context", "beam_sizes", "alphas")
        found = {name: getattr(self, name) for name in names}
        return {name: x for name, x in found.items() if x is not None}

    def length_penalty(
        self, lengths: tf.Tensor, options: config.DecodingConfig
    ) -> tf.Tensor:
        """Returns the divisor of log-probabilities, see `length_penalty`.

        Args:
            lengths: of (batch, n) hypotheses, or a shape that broadcasts.
            options: the kind, and alpha where rows have none of their own.
        """
        if self.alphas is None:
            return length_penalty(
                lengths, options.length_penalty, options.alpha
            )
        alphas = self.alphas[:, tf.newaxis]
        return length_penalty(lengths, options.length_penalty, alphas)


class Hypotheses(NamedTuple):
    """Results of a search, per row the best first.

    Attributes:
        ids: (batch, n, length) int32: tokens, the end symbol, then 0.
        scores: (batch, n) float32; see `normalized_scores`. -1e9 where
            there is no hypothesis.
        log_probabilities: (batch, n) float32, of the whole sequence.
        lengths: (batch, n) int32, end symbol included.
        truncated: (batch, n) bool: the row's limit came before an end
            symbol. Only where a row has no finished hypothesis at all.
        counts: (batch,) int32, how many of the n there are.
    """

    ids: tf.Tensor
    scores: tf.Tensor
    log_probabilities: tf.Tensor
    lengths: tf.Tensor
    truncated: tf.Tensor
    counts: tf.Tensor


def most_beams(beam_sizes: tf.Tensor) -> tf.Tensor:
    """Returns the largest of (batch,) beam sizes, 1 if there is no row."""
    return tf.reduce_max(tf.concat([beam_sizes, [1]], 0))


def length_penalty(
    lengths: tf.Tensor, kind: str, alpha: float | tf.Tensor
) -> tf.Tensor:
    """Returns the float32 divisor of log-probabilities, for any shape.

    It does not fall with the length, and is at least 1 from length 1 on.

    Args:
        lengths: in tokens.
        kind: `DecodingConfig.length_penalty`.
        alpha: the exponent, at least 0; broadcasts to `lengths`.
    """
    lengths = tf.cast(tf.maximum(lengths, 1), tf.float32)
    if kind == "gnmt":
        lengths = (5.0 + lengths) / 6.0
    return tf.pow(lengths, alpha)


def normalized_scores(
    log_probabilities: tf.Tensor,
    lengths: tf.Tensor,
    coverage: tf.Tensor,
    space: SearchSpace,
    options: config.DecodingConfig,
) -> tf.Tensor:
    """Scores hypotheses: log-probability / length penalty + coverage penalty.

    Both penalties are those of Wu et al., arXiv 1609.08144, equation 14.

    Args:
        log_probabilities: (batch, n) float32.
        lengths: (batch, n) int32, or a shape that broadcasts.
        coverage: (batch, n, source) float32, attention summed over steps;
            not read where `options.coverage_penalty` is 0.
        space: for the source mask, and alphas of its own.
        options: kinds and weights of the penalties.

    Returns:
        (batch, n) float32. A row of limit 0 has no coverage penalty.
    """
    scores = log_probabilities / space.length_penalty(lengths, options)
    if options.coverage_penalty:
        covered = tf.math.log(tf.clip_by_value(coverage, 1e-9, 1.0))
        # Where nothing may be said, nothing is left out.
        counted = space.source_mask & (space.limits > 0)[:, tf.newaxis]
        mask = tf.cast(counted, tf.float32)[:, tf.newaxis]
        scores += options.coverage_penalty * tf.reduce_sum(covered * mask, -1)
    return scores


def first_coverage(
    space: SearchSpace, num_beams: int, options: config.DecodingConfig
) -> tf.Tensor:
    """Returns zeros (batch, beams, source), or no columns if not needed."""
    batch, source = tf.unstack(tf.shape(space.source_mask))
    if not options.coverage_penalty:
        source = 0
    return tf.zeros([batch, num_beams, source])


def growing_shapes(state: Any) -> Any:
    """Returns the shapes that a loop's state keeps, as its invariants.

    The first axis is the batch; axes of length 0 grow.
    """

    def shape(tensor: tf.Tensor) -> tf.TensorShape:
        sizes = [size or None for size in tensor.shape]
        return tf.TensorShape([None, *sizes[1:]])

    return tf.nest.map_structure(shape, state)
