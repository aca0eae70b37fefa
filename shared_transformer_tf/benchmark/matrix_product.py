"""What this machine makes of a large matrix product: the scale of a step."""

import time

import keras
import tensorflow as tf


def gflops(dtype: str, size: int = 2048, repeats: int = 10) -> float:
    """Returns the best rate of a square product, 10**9 operations a second.

    Args:
        dtype: of the matrices.
        size: rows and columns; 2 size**3 operations.
        repeats: products timed, one by one.
    """
    matrix = tf.cast(keras.random.normal((size, size), seed=0), dtype)
    product = tf.function(lambda x: tf.matmul(x, x))
    product(matrix)
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        product(matrix)[0, 0].numpy()
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best / 1e9
