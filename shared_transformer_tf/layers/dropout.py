"""Dropout as a pure function of its seed.

A use of a shared block is a pure function of (weights, seed, inputs): it can
then be traced once, recomputed and differentiated by use, and the same seed
gives the same mask.
"""

import tensorflow as tf

_LEVELS = 2**16
_STRIDE = 1_000_003  # prime, so that sites and steps do not meet


def dropout(x: tf.Tensor, rate: float, seed: tf.Tensor | None) -> tf.Tensor:
    """Zeroes a fraction of `x` and scales the rest up.

    Args:
        x: any float tensor.
        rate: fraction in [0, 1), taken to the nearest of 65,536 levels.
        seed: int32 (2,); `None` drops nothing.
    """
    if seed is None or rate == 0:
        return x
    dropped = min(round(rate * _LEVELS), _LEVELS - 1)
    size = tf.size(x)
    # Half of each 32-bit number is enough for one element, at half the time.
    bits = tf.random.stateless_uniform(
        [(size + 1) // 2], seed, None, None, tf.uint32
    )
    bits = tf.reshape(tf.bitcast(bits, tf.uint16), [-1])[:size]
    kept = tf.reshape(bits, tf.shape(x)) >= tf.constant(dropped, tf.uint16)
    scale = tf.constant(_LEVELS / (_LEVELS - dropped), x.dtype)
    return tf.where(kept, x * scale, tf.zeros([], x.dtype))


def site_seed(seed: tf.Tensor | None, site: int) -> tf.Tensor | None:
    """Returns the seed of one of several places that drop.

    Args:
        seed: int32 (2,) drawn for the step, or `None`.
        site: number of the place, at least 0.
    """
    if seed is None:
        return None
    return seed + tf.constant([site * _STRIDE % (2**31), 0], tf.int32)
