"""The gradient of a shared weight is the sum over its untied copies."""

import numpy as np
import tensorflow as tf


def stack_uses(shared, untied):
    """Returns each use of a weight of a stack with the copy at its depth."""
    pairs = [
        pair
        for ours, copies in zip(shared.layers, untied.layers, strict=True)
        for pair in zip(_parts(ours), _parts(copies), strict=True)
    ]
    if shared.final_norm is not None:
        pairs.append((shared.final_norm, untied.final_norm))
    return [
        pair
        for own, copy in pairs
        for pair in zip(own.weights, copy.weights, strict=True)
    ]


def _parts(layer):
    attentions = [layer.self_attention, layer.cross_attention]
    parts = [*attentions, layer.feed_forward, *layer.norms.values()]
    return [part for part in parts if part is not None]


def assert_sums(shared, untied, uses, loss):
    """Gives the copies their values and compares all gradients.

    Args:
        shared: layer or model.
        untied: the same, every use with a weight of its own.
        uses: pairs of a weight of `shared` and a copy in `untied`, which may
            be its transpose; each copy once, and none left out.
        loss: makes a scalar of either.
    """
    copies = [id(copy) for _, copy in uses]
    assert sorted(copies) == sorted(id(weight) for weight in untied.weights)
    assert {id(weight) for weight, _ in uses} == {
        id(weight) for weight in shared.weights
    }
    for weight, copy in uses:
        copy.assign(_oriented(weight.numpy(), copy))
    shared_loss, shared_gradients = _gradients(shared, loss)
    untied_loss, untied_gradients = _gradients(untied, loss)
    np.testing.assert_allclose(shared_loss, untied_loss, rtol=1e-5)
    sums = {}
    for weight, copy in uses:
        gradient = untied_gradients[id(copy)]
        assert np.abs(gradient).max() > 0, f"{copy.path} is not used"
        part = _oriented(gradient, weight)
        sums[id(weight)] = sums.get(id(weight), 0) + part
    for weight in shared.weights:
        np.testing.assert_allclose(
            shared_gradients[id(weight)],
            sums[id(weight)],
            rtol=1e-4,
            atol=2e-5,
            err_msg=weight.path,
        )


def _oriented(value, like):
    return value if value.shape == tuple(like.shape) else value.T


def _gradients(layer, loss):
    with tf.GradientTape() as tape:
        value = loss(layer)
    gradients = tape.gradient(value, [w.value for w in layer.weights])
    return value, {
        id(weight): tf.convert_to_tensor(gradient).numpy()
        for weight, gradient in zip(layer.weights, gradients, strict=True)
    }
