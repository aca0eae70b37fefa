"""Masks, as what is added to attention scores."""

import tensorflow as tf

MASKED = -1e9  # finite: infinities turn to NaN where a whole row is masked


def padding_bias(padding_mask: tf.Tensor, dtype: str) -> tf.Tensor:
    """Returns what is added to scores so that padding gets no attention.

    Args:
        padding_mask: bool (batch, length), true at real tokens.
        dtype: of the result.

    Returns:
        (batch, 1, 1, length): 0 at tokens, a large negative at padding.
    """
    bias = tf.where(padding_mask, 0.0, MASKED)[:, tf.newaxis, tf.newaxis, :]
    return tf.cast(bias, dtype)


def causal_bias(length: tf.Tensor, dtype: str) -> tf.Tensor:
    """Returns (length, length): large negative above the diagonal.

    Two dimensions: with four, TensorFlow 2.21 fuses the addition to scores
    into a batched product that is twenty times slower on CPUs.
    """
    position = tf.range(length)
    visible = position[:, tf.newaxis] >= position[tf.newaxis, :]
    bias = tf.where(visible, 0.0, MASKED)
    return tf.cast(bias, dtype)
