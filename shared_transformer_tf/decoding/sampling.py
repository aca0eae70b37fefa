"""Random translations from the model's distribution."""

import tensorflow as tf

from shared_transformer_tf import config
from shared_transformer_tf.decoding import greedy, hypotheses
from shared_transformer_tf.decoding.sampling_options import SamplingOptions


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
        # The first stays, even if the logits' type rounds `top_p` to 0.
        kept = tf.where(before < options.top_p, descending, descending[..., :1])
        logits = _keep_from(logits, tf.reduce_min(kept, -1, keepdims=True))
    return logits


def _keep_from(logits: tf.Tensor, threshold: tf.Tensor) -> tf.Tensor:
    return tf.where(logits >= threshold, logits, hypotheses.IMPOSSIBLE)
