"""Our attention against keras_nlp's, forward and backward, in one process."""

import statistics
import time
from collections.abc import Callable

import keras
import keras_nlp
import tensorflow as tf

from shared_transformer_tf.layers.attention import (
    CrossAttention,
    SelfAttention,
)


def compare_attention(
    rows: int = 240,
    length: int = 17,
    hidden_dim: int = 128,
    num_heads: int = 4,
    rounds: int = 30,
) -> dict[str, float]:
    """Times both layers in turns.

    Args:
        rows: sentences of a batch.
        length: tokens of each.
        hidden_dim: width.
        num_heads: attention heads.
        rounds: pairs of timed steps.

    Returns:
        For self- and cross-attention the median of keras_nlp's step time
        over ours, pair by pair, and our median step in milliseconds.
    """
    x = keras.random.normal((rows, length, hidden_dim), seed=0)
    memory = keras.random.normal((rows, length, hidden_dim), seed=1)
    results = {}
    for kind, ours in (
        ("self_attention", SelfAttention(num_heads)),
        ("cross_attention", CrossAttention(num_heads)),
    ):
        theirs = keras_nlp.layers.CachedMultiHeadAttention(
            num_heads, hidden_dim // num_heads
        )
        other = x if kind == "self_attention" else memory
        steps = (
            _step(theirs, (x, other), theirs),
            _step(ours, (x,) if other is x else (x, other), ours),
        )
        times = [[_seconds(step) for step in steps] for _ in range(rounds)]
        ratios = [their / our for their, our in times]
        results[f"{kind}_keras_nlp_over_ours"] = statistics.median(ratios)
        results[f"{kind}_milliseconds"] = 1000 * statistics.median(
            our for _, our in times
        )
    return results


def _step(call: Callable, inputs: tuple, layer: keras.Layer) -> Callable:
    call(*inputs)  # builds

    @tf.function(autograph=False)
    def step() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            for tensor in inputs:
                tape.watch(tensor)
            loss = tf.reduce_sum(tf.square(call(*inputs)))
        weights = [v.value for v in layer.trainable_variables]
        return tape.gradient(loss, [*weights, *inputs])

    for _ in range(3):
        step()
    return step


def _seconds(step: Callable) -> float:
    start = time.perf_counter()
    step()[-1].numpy()  # which waits for a GPU
    return time.perf_counter() - start
