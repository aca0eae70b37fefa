"""The best ways to go on with the hypotheses of a beam."""

import tensorflow as tf

from shared_transformer_tf import config
from shared_transformer_tf.decoding import top_k
from shared_transformer_tf.decoding.hypotheses import IMPOSSIBLE


def first_ones(log_probabilities: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
    """Makes all but the first `counts`, (batch,), of (batch, n) impossible."""
    ranks = tf.range(tf.shape(log_probabilities)[1])
    return tf.where(
        ranks < counts[:, tf.newaxis], log_probabilities, IMPOSSIBLE
    )


def best_extensions(
    logits: tf.Tensor,
    log_probabilities: tf.Tensor,
    num_beams: int | tf.Tensor,
    most_beams: int,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns the 2K best extensions of K beams.

    The vocabulary is passed over as seldom as possible: the highest logits
    of each beam come first, and only they are normalised.

    Args:
        logits: (batch, beams, vocabulary).
        log_probabilities: (batch, beams), of the beams so far.
        num_beams: beams.
        most_beams: that there can be.

    Returns:
        Log-probabilities, beams extended and tokens, each (batch, 2 beams),
        the most probable first.
    """
    batch = tf.shape(logits)[0]
    vocabulary = logits.shape[2]
    count = min(2 * most_beams + 2, vocabulary)  # two are never to be chosen
    highest, tokens = top_k.top_k(logits, count)
    # a softmax kernel is one fused pass; its largest value never underflows
    largest = tf.gather(
        tf.nn.softmax(logits), tokens[:, :, :1], batch_dims=2
    )  # (batch, beams, 1)
    extended = highest - highest[:, :, :1] + tf.math.log(largest)
    extended += log_probabilities[:, :, tf.newaxis]
    never = (tokens == config.PAD_ID) | (tokens == config.START_ID)
    extended = tf.where(never, IMPOSSIBLE, extended)
    best, index = tf.math.top_k(
        tf.reshape(extended, [batch, num_beams * count]), 2 * num_beams
    )
    tokens = tf.reshape(tokens, [batch, num_beams * count])
    return best, index // count, tf.gather(tokens, index, batch_dims=1)
