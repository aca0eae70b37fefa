"""Random translations from the model's distribution."""

import dataclasses
import math

import tensorflow as tf

from shared_transformer_tf import config, errors
from shared_transformer_tf.decoding import greedy, hypotheses


@dataclasses.dataclass(frozen=True)
class SamplingOptions:
    """How the distribution of a token is narrowed before drawing.

    Attributes:
        num_samples: drawn per sentence.
        temperature: divides the logits; below 1 is bolder.
        top_k: draws among so many most probable tokens; 0 among all.
        top_p: draws among the fewest tokens whose probability reaches this
            (nucleus sampling, Holtzman et al., arXiv 1904.09751); 1: all.

    Raises:
        InputError: if a value is out of its range.
    """

    num_samples: int = 1
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0

    def __post_init__(self):
        """Checks the ranges."""
        for name, valid, expected in (
            ("num_samples", self.num_samples >= 1, "1 or above"),
            (
                "temperature",
                0 < self.temperature < math.inf,
                "above 0 and finite",
            ),
            ("top_k", self.top_k >= 0, "0 (all tokens) or above"),
            ("top_p", 0 < self.top_p <= 1, "above 0, at most 1"),
        ):
            if not valid:
                raise errors.InputError(
                    f"{name} is {getattr(self, name)!r}, expected {expected}."
                )


def sample(
    space: hypotheses.SearchSpace,
    options: SamplingOptions,
    seed: tf.Tensor,
) -> hypotheses.Hypotheses:
    """Draws hypotheses token by token.

    Args:
        space: what to decode; its state has `num_samples` beams.
        options: the distribution to draw from.
        seed: int32 (2,). The same seed and batch give the same samples.

    Returns:
        `num_samples` hypotheses per row, as drawn. Scores are plain
        log-probabilities under the model itself (temperature 1, all tokens).
    """

    def choose(logits: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
        shape = tf.shape(logits)
        logits = narrow(warm(logits, options.temperature), options)
        logits = tf.reshape(logits, [shape[0] * shape[1], shape[2]])
        drawn = tf.random.stateless_categorical(
            logits,
            1,
            tf.random.experimental.stateless_fold_in(seed, position),
            dtype=tf.int32,
        )
        return tf.reshape(drawn, shape[:2])

    plain = config.DecodingConfig(alpha=0.0)
    return greedy.follow(space, options.num_samples, choose, plain)


def warm(logits: tf.Tensor, temperature: float) -> tf.Tensor:
    """Divides logits by a temperature, however small or large.

    Args:
        logits: (..., vocabulary). What is impossible stays so.
        temperature: above 0.

    Returns:
        The shape of `logits`: 0 for the highest, -1e9 for the lowest.
    """
    below = logits - tf.reduce_max(logits, -1, keepdims=True)
    divided = tf.maximum(below / temperature, hypotheses.IMPOSSIBLE)
    divided = tf.where(below < 0, divided, 0.0)  # 0 / 0 is no number
    possible = logits > hypotheses.POSSIBLE
    return tf.where(possible, divided, hypotheses.IMPOSSIBLE)


def narrow(logits: tf.Tensor, options: SamplingOptions) -> tf.Tensor:
    """Lowers the logits of tokens that are not to be drawn to -1e9.

    Args:
        logits: (..., vocabulary), from `warm`.
        options: `top_k` is applied first, then `top_p` to what it left.

    Returns:
        The shape of `logits`. Equal logits at the threshold all stay.
    """
    vocabulary = logits.shape[-1]
    if 0 < options.top_k < vocabulary:
        highest = tf.math.top_k(logits, options.top_k).values
        logits = _keep_from(logits, highest[..., -1:])
    if options.top_p < 1:
        descending = tf.sort(logits, -1, "DESCENDING")
        before = tf.cumsum(tf.nn.softmax(descending), -1, exclusive=True)
        kept = tf.where(before < options.top_p, descending, logits.dtype.max)
        logits = _keep_from(logits, tf.reduce_min(kept, -1, keepdims=True))
    return logits


def _keep_from(logits: tf.Tensor, threshold: tf.Tensor) -> tf.Tensor:
    return tf.where(logits >= threshold, logits, hypotheses.IMPOSSIBLE)
