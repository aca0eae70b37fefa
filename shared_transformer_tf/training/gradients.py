"""Gradients of a loss, each weight's summed over its uses or kept apart."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from shared_transformer_tf.uses import UseRecorder

Seeds = list[tuple[keras.Variable, tf.Tensor]]


def gradient_sums(
    forward: Callable[[], Any],
    mean_loss: Callable[[Any], tuple[tf.Tensor, tf.Tensor]],
    weights: Sequence[keras.Variable],
    apart: Sequence[keras.Variable],
    seeds: Seeds,
    scale: tf.Tensor,
    counted: Sequence[keras.Variable] = (),
) -> tuple[list[tf.Tensor], list[int]]:
    """Returns sums of a loss and its gradients, and the uses of each weight.

    Args:
        forward: the part in which uses count and `seeds` hold.
        mean_loss: makes of what `forward` returns the mean loss of a batch
            and what it is counted in, such as tokens, float32.
        weights: to differentiate by.
        apart: those whose gradients are kept apart by use.
        seeds: what seeds are to be in the forward pass.
        scale: what the loss is multiplied by while gradients flow in half
            precision.
        counted: those whose uses have to be all there is, see `UseRecorder`.

    Returns:
        The sum of the loss and the count, float32, and the gradients of the
        sum, as many for each weight as `gradient_numbers` says; the uses.
    """
    with tf.GradientTape() as tape:
        with UseRecorder(weights, tape, apart, seeds, counted) as record:
            outputs = forward()
        loss, count = mean_loss(outputs)
        scaled = loss * tf.cast(scale, loss.dtype)
    of_weights, of_uses = tape.gradient(
        scaled, ([w.value for w in weights], record.copies())
    )
    record.check_gradients(of_weights)
    _warn_of_unreached(weights, of_weights, of_uses)
    keys = {id(weight) for weight in apart}
    chosen = [
        (single if id(weight) in keys and single else [whole], weight)
        for weight, whole, single in zip(
            weights, of_weights, of_uses, strict=True
        )
    ]
    gradients = [
        _dense(gradient, weight) * tf.cast(count / scale, weight.dtype)
        for group, weight in chosen
        for gradient in group
    ]
    total = tf.cast(loss, tf.float32) * count
    return [total, count, *gradients], record.counts()


def _warn_of_unreached(weights, of_weights, of_uses) -> None:
    unreached = [
        weight.path
        for weight, *found in zip(weights, of_weights, of_uses, strict=True)
        if found[0] is None and all(one is None for one in found[1])
    ]
    if unreached:
        warnings.warn(
            f"The loss does not depend on {', '.join(unreached)}: the gradient "
            "is taken to be 0, so weight decay and averages still act there.",
            stacklevel=2,
        )


def gradient_numbers(
    weights: Sequence[keras.Variable],
    apart: Sequence[keras.Variable],
    uses: Sequence[int],
) -> list[int]:
    """Returns how many gradients `gradient_sums` has for each weight."""
    keys = {id(weight) for weight in apart}
    return [
        max(count, 1) if id(weight) in keys else 1
        for weight, count in zip(weights, uses, strict=True)
    ]


def sum_specs(
    weights: Sequence[keras.Variable], numbers: Sequence[int]
) -> list[tf.TensorSpec]:
    """Returns shapes and types of the sums of `gradient_sums`."""
    return [tf.TensorSpec([])] * 2 + [
        tf.TensorSpec(weight.shape, weight.dtype)
        for weight, number in zip(weights, numbers, strict=True)
        for _ in range(number)
    ]


def group(values: Sequence, numbers: Sequence[int]) -> list[list]:
    """Returns the values in consecutive groups of these sizes."""
    rest = iter(values)
    return [[next(rest) for _ in range(number)] for number in numbers]


def fresh_seeds(model: keras.Model, step: tf.Tensor, part: tf.Tensor) -> Seeds:
    """Returns states of a model's seeds that depend on nothing but these.

    Args:
        model: whose layers draw from `keras.random.SeedGenerator`.
        step: updates done, integer scalar.
        part: which slice of the batch on which replica, integer scalar.
    """
    generators = {
        id(generator.state): generator.state
        for layer in model._flatten_layers()
        for generator in layer._seed_generators
    }
    drawn = tf.random.stateless_uniform(
        [],
        tf.stack([tf.cast(step, tf.int32), tf.cast(part, tf.int32)]),
        minval=0,
        maxval=2**31 - 1,
        dtype=tf.int32,
    )
    return [
        (state, tf.stack([state.value[0], tf.cast(drawn, state.dtype)]))
        for state in generators.values()
    ]


def _dense(gradient, weight: keras.Variable) -> tf.Tensor:
    if gradient is None:
        return tf.zeros(weight.shape, weight.dtype)
    return tf.convert_to_tensor(gradient)
