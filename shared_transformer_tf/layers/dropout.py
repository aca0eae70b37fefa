"""Dropout as a pure function of its seed.

A use of a shared block is a pure function of (weights, seed, inputs): it can
then be traced once, recomputed and differentiated by use, and the same seed
gives the same mask.
"""

import tensorflow as tf

_STRIDE = 1_000_003  # prime, so that sites and steps do not meet


def dropout(x: tf.Tensor, rate: float, seed: tf.Tensor | None) -> tf.Tensor:
    """Zeroes a fraction of `x` and scales the rest up.

    Args:
        x: any float tensor.
        rate: fraction in [0, 1).
        seed: int32 (2,); `None` drops nothing.
    """
    if seed is None or rate == 0:
        return x
    return tf.nn.experimental.stateless_dropout(x, rate, seed)


def site_seed(seed: tf.Tensor | None, site: int) -> tf.Tensor | None:
    """Returns the seed of one of several places that drop.

    Args:
        seed: int32 (2,) drawn for the step, or `None`.
        site: number of the place, at least 0.
    """
    if seed is None:
        return None
    return seed + tf.constant([site * _STRIDE % (2**31), 0], tf.int32)
