"""The feed-forward sublayer: its formula, position by position."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf.layers.feed_forward import FeedForward
from tests.layers import random_weights
from tests.layers.random_weights import normal

HIDDEN, INNER = 4, 6

FORMULAS = {
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: x * (1 + np.vectorize(math.erf)(x / 2**0.5)) / 2,
    "silu": lambda x: x / (1 + np.exp(-x)),
}


def make(seed=0, **options):
    layer = FeedForward(INNER, **options)
    layer.build((None, None, HIDDEN))
    return random_weights.fill(layer, seed, scale=1.0)


def inner(layer, x):
    kernel, bias = layer.intermediate_kernel, layer.intermediate_bias
    return x @ kernel.numpy() + bias.numpy()


@pytest.mark.parametrize("activation", sorted(FORMULAS))
def test_equals_the_formula(activation):
    layer = make(activation=activation)
    x = normal(2, 3, HIDDEN)
    between = FORMULAS[activation](inner(layer, x))
    expected = between @ layer.output_kernel.numpy() + layer.output_bias.numpy()
    np.testing.assert_allclose(layer(x), expected, atol=1e-4)


def test_positions_do_not_see_each_other():
    layer = make()
    x = tf.constant(normal(2, 5, HIDDEN))
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(layer(x)[0, 2] ** 2)
    gradient = tape.gradient(loss, x).numpy()
    assert np.abs(gradient[0, 2]).max() > 0
    gradient[0, 2] = 0
    assert np.abs(gradient).max() == 0


def test_weights_are_two_kernels_and_two_biases():
    layer = make()
    expected = 2 * HIDDEN * INNER + HIDDEN + INNER
    assert layer.count_params() == expected
    assert len(layer.trainable_weights) == 4


def test_gain_scales_both_first_kernels_and_biases_begin_at_zero():
    def highest(gain):
        layer = FeedForward(100, initial_gain=gain)
        layer.build((None, None, 100))
        assert not layer.intermediate_bias.numpy().any()
        assert not layer.output_bias.numpy().any()
        kernels = layer.intermediate_kernel, layer.output_kernel
        return [np.abs(kernel.numpy()).max() for kernel in kernels]

    limit = np.sqrt(6 / 200)
    np.testing.assert_allclose(highest(1.0), [limit] * 2, rtol=0.01)
    np.testing.assert_allclose(highest(0.1), [limit / 10] * 2, rtol=0.01)


def test_dropout_is_a_function_of_the_seed_and_without_one_is_off():
    layer, plain = make(dropout=0.5), make()
    x = normal(2, 3, HIDDEN)
    first, again, other = (
        layer(x, seed=tf.constant([seed, 0])).numpy() for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    np.testing.assert_array_equal(layer(x), plain(x))
    np.testing.assert_array_equal(plain(x, seed=tf.constant([1, 0])), plain(x))


def test_dropout_keeps_the_expectation():
    layer = make(dropout=0.4, activation="silu")  # not so if before it
    x = np.repeat(normal(1, 1, HIDDEN), 20_000, axis=0)
    dropped = layer(x, seed=tf.constant([3, 4])).numpy()[:, 0]
    error = dropped.std(0) / np.sqrt(len(dropped))
    assert (error > 0).all()
    off = np.abs(dropped.mean(0) - layer(x[:1]).numpy()[0, 0])
    assert (off < 5 * error).all()


def test_what_drops_is_between_the_projections():
    layer = make(dropout=0.5)
    layer.output_kernel.assign(np.zeros((INNER, HIDDEN)))
    y = layer(normal(9, 9, HIDDEN), seed=tf.constant([1, 0])).numpy()
    np.testing.assert_array_equal(
        y, np.broadcast_to(layer.output_bias.numpy(), y.shape)
    )


def test_bfloat16_computes_low_and_keeps_weights_high():
    half, single = make(dtype="mixed_bfloat16"), make()
    x = normal(2, 3, HIDDEN)
    y = half(x)
    assert y.dtype == tf.bfloat16
    assert {weight.dtype for weight in half.weights} == {"float32"}
    np.testing.assert_allclose(
        tf.cast(y, tf.float32), single(x), rtol=0.05, atol=0.15
    )


def test_config_round_trip():
    layer = make(activation="gelu", dropout=0.2, initial_gain=0.5, name="block")
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert again.get_config() == layer.get_config()
    again.set_weights(layer.get_weights())
    x = normal(2, 3, HIDDEN)
    np.testing.assert_array_equal(again(x), layer(x))


def test_an_unknown_activation_is_named():
    with pytest.raises(ValueError, match="swosh"):
        FeedForward(INNER, activation="swosh")
