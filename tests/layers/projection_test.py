"""Products with weights, and the weights' first values."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf.layers import projection
from tests.layers.random_weights import normal


def glorot_limit(inputs, outputs):
    return np.sqrt(6 / (inputs + outputs))


@pytest.mark.parametrize("with_bias", [False, True])
def test_is_the_product_at_every_position(with_bias):
    x, kernel = normal(2, 3, 4), normal(4, 5, seed=1)
    bias = normal(5, seed=2) if with_bias else None
    expected = np.einsum("bli,io->blo", x, kernel)
    if with_bias:
        expected += bias
    result = projection.project(tf.constant(x), tf.constant(kernel), bias)
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_gradients_are_those_of_the_formula():
    x, kernel, bias = (
        tf.constant(normal(*shape, seed=seed))
        for seed, shape in enumerate([(2, 3, 4), (4, 5), (5,)])
    )
    upstream = normal(2, 3, 5, seed=3)
    with tf.GradientTape() as tape:
        tape.watch([x, kernel, bias])
        loss = tf.reduce_sum(projection.project(x, kernel, bias) * upstream)
    by_x, by_kernel, by_bias = tape.gradient(loss, [x, kernel, bias])
    np.testing.assert_allclose(by_x, upstream @ kernel.numpy().T, atol=1e-5)
    np.testing.assert_allclose(
        by_kernel, np.einsum("bli,blo->io", x, upstream), atol=1e-5
    )
    np.testing.assert_allclose(by_bias, upstream.sum((0, 1)), atol=1e-5)


def test_weights_follow_the_dtype_of_the_inputs():
    x, kernel, bias = normal(2, 3, 4), normal(4, 5, seed=1), normal(5, seed=2)
    half = projection.project(
        tf.cast(x, tf.bfloat16), keras.Variable(kernel), bias
    )
    assert half.dtype == tf.bfloat16
    np.testing.assert_allclose(
        tf.cast(half, tf.float32), x @ kernel + bias, rtol=0.05, atol=0.05
    )


def test_batch_and_length_may_be_unknown_or_empty():
    kernel = tf.constant(normal(4, 5))

    @tf.function(
        input_signature=[tf.TensorSpec([None, None, 4])], autograph=False
    )
    def run(x):
        result = projection.project(x, kernel)
        assert result.shape[-1] == 5  # static: later layers need it
        return result

    for shape in [(2, 3), (1, 7), (0, 3), (2, 0)]:
        x = normal(*shape, 4)
        np.testing.assert_allclose(run(x), x @ kernel.numpy(), atol=1e-5)


def test_each_part_begins_as_if_it_stood_alone():
    value = projection.FusedGlorot(3, (1, 1, 1))((200, 3 * 100))
    assert value.shape == (200, 300)
    limit = np.float32(glorot_limit(200, 100))
    for part in np.split(value, 3, axis=1):
        assert 0.99 * limit < np.abs(part).max() <= limit
        assert part.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)


def test_parts_are_drawn_independently():
    first, second = np.split(projection.FusedGlorot(2, (1, 1))((99, 180)), 2, 1)
    correlation = np.corrcoef(first.ravel(), second.ravel())[0, 1]
    assert abs(correlation) < 0.05


def test_gains_multiply_their_part_alone():
    value = projection.FusedGlorot(3, (1, 0.5, 0))((200, 300))
    limit = glorot_limit(200, 100)
    highest = [np.abs(part).max() for part in np.split(value, 3, axis=1)]
    np.testing.assert_allclose(highest, [limit, limit / 2, 0], rtol=0.01)


def test_one_part_is_plain_glorot():
    highest = np.abs(projection.FusedGlorot(1, (1,))((200, 100))).max()
    plain = np.abs(keras.initializers.GlorotUniform()((200, 100))).max()
    assert highest == pytest.approx(plain, rel=0.01)


def test_config_round_trip():
    initializer = projection.FusedGlorot(2, [0.5, 2])
    again = keras.initializers.deserialize(
        keras.initializers.serialize(initializer)
    )
    assert isinstance(again, projection.FusedGlorot)
    assert again.get_config() == initializer.get_config()
    assert again.gains == (0.5, 2)
