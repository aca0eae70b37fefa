"""A use of a block that keeps its inputs alone for the backward pass.

The activations inside are computed again when gradients flow, so a deep
stack needs the memory of one layer and of the inputs of all. That is right
with dropout only because a use is a pure function of the weights, the seed
and the inputs.
"""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from shared_transformer_tf import uses


def recomputed(
    call: Callable[..., tf.Tensor],
    sublayers: Sequence[keras.layers.Layer],
    inputs: Sequence[tf.Tensor],
    seed: tf.Tensor | None,
) -> tf.Tensor:
    """Returns `call(*inputs, seed=seed)`, differentiable by recomputation.

    Args:
        call: a pure function of its arguments and of the sublayers' weights.
        sublayers: those that it uses, once each, all built.
        inputs: what gradients are taken of, float tensors.
        seed: int32 (2,) of the dropout, or `None`.
    """
    weights, values = [], []
    for sublayer in sublayers:
        with uses.using(sublayer.path):
            for weight in sublayer.weights:
                weights.append(weight)
                values.append(tf.convert_to_tensor(weight.value))

    @tf.recompute_grad
    def pure(*tensors):
        inputs, values = tensors[: -len(weights)], tensors[-len(weights) :]
        own_seed = seed
        if seed is not None:  # else the masks would be made in the forward pass
            with tf.control_dependencies(inputs):
                own_seed = tf.identity(seed)
        pairs = list(zip(weights, values, strict=True))
        with keras.StatelessScope(pairs, initialize_variables=False):
            return call(*inputs, seed=own_seed)

    return pure(*inputs, *values)
