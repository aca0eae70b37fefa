"""Masks, as what is added to attention scores."""

import tensorflow as tf

MASKED = -1e9
_MASKED_FLOAT16 = -3e4  # so that two masks together are above its -65504


def masked(dtype: str | tf.DType) -> float:
    """Returns what is added to a score that gets no attention.

    Finite in `dtype`, alone and twice: infinities turn to NaN where a whole
    row is masked.
    """
    return _MASKED_FLOAT16 if tf.as_dtype(dtype) == tf.float16 else MASKED


def padding_bias(padding_mask: tf.Tensor, dtype: str) -> tf.Tensor:
    """Returns what is added to scores so that padding gets no attention.

    Args:
        padding_mask: bool (batch, length), true at real tokens.
        dtype: of the result.

    Returns:
        (batch, 1, 1, length): 0 at tokens, a large negative at padding.
    """
    bias = tf.where(padding_mask, 0.0, masked(dtype))
    return tf.cast(bias[:, tf.newaxis, tf.newaxis, :], dtype)


def causal_bias(length: tf.Tensor, dtype: str) -> tf.Tensor:
    """Returns (length, length): large negative above the diagonal.

    Two dimensions: with four, TensorFlow 2.21 fuses the addition to scores
    into a batched product that is twenty times slower on CPUs.
    """
    position = tf.range(length)
    visible = position[:, tf.newaxis] >= position[tf.newaxis, :]
    bias = tf.where(visible, 0.0, masked(dtype))
    return tf.cast(bias, dtype)
