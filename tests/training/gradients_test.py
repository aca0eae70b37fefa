"""Gradients by use and their sums; seeds that depend on the step alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf.training import gradients


class Twice(keras.Model):
    """One dense layer applied twice, another one once, dropout between."""

    def __init__(self):
        super().__init__()
        self.shared = keras.layers.Dense(3, use_bias=False)
        self.own = keras.layers.Dense(3, use_bias=False)
        self.dropout = keras.layers.Dropout(0.5, seed=4)
        self.build((None, 3))

    def build(self, shape):
        self.shared.build(shape)
        self.own.build(shape)
        self.built = True

    def call(self, x, training=True):
        x = self.dropout(tf.sin(self.shared(x)), training=training)
        return self.own(tf.sin(self.shared(x)))


X = tf.constant(np.random.default_rng(0).normal(size=(5, 3)), tf.float32)


def sums(model, apart=(), part=0, scale=1.0, count=5.0):
    seeds = gradients.fresh_seeds(model, tf.constant(3), tf.constant(part))
    return gradients.gradient_sums(
        lambda: model(X),
        lambda outputs: (tf.reduce_mean(outputs**2), tf.constant(count)),
        model.trainable_variables,
        list(apart),
        seeds,
        tf.constant(scale),
    )


def test_gradients_kept_apart_add_up():
    model = Twice()
    weights = model.trainable_variables
    (loss, count, *whole), uses = sums(model)
    (loss_apart, _, *apart), _ = sums(model, apart=weights)
    assert uses == [2, 1] and count == 5
    assert float(loss) == float(loss_apart)
    numbers = gradients.gradient_numbers(weights, weights, uses)
    assert numbers == [2, 1]
    assert gradients.gradient_numbers(weights, [], uses) == [1, 1]
    assert gradients.gradient_numbers(weights, weights, [0, 2]) == [1, 2]
    for one, several in zip(
        whole, gradients.group(apart, numbers), strict=True
    ):
        assert np.abs(one).max() > 0
        np.testing.assert_allclose(one, sum(several), rtol=1e-5, atol=1e-6)


def test_sums_are_of_the_count_and_without_the_scale():
    model = Twice()
    (loss, _, *plain), _ = sums(model, count=1.0)
    (_, _, *scaled), _ = sums(model, scale=1024.0, count=1.0)
    (loss_of_five, _, *of_five), _ = sums(model, count=5.0)
    assert float(loss_of_five) == np.float32(5) * np.float32(loss)
    for one, other, five in zip(plain, scaled, of_five, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
        np.testing.assert_allclose(5 * one, five, rtol=1e-5)


def test_dropout_depends_on_step_and_part_alone():
    model = Twice()
    first = float(sums(model)[0][0])
    before = [v.numpy().copy() for v in model.non_trainable_variables]
    model(X, training=True)  # draws
    after = [v.numpy() for v in model.non_trainable_variables]
    assert any((a != b).any() for a, b in zip(after, before, strict=True))
    assert float(sums(model)[0][0]) == first
    assert float(sums(model, part=1)[0][0]) != first
    for kept, now in zip(after, model.non_trainable_variables, strict=True):
        np.testing.assert_array_equal(kept, now.numpy())


def test_seeds_of_different_layers_stay_different():
    model = keras.Sequential(
        [keras.layers.Dropout(0.5, seed=1), keras.layers.Dropout(0.5, seed=2)]
    )
    model.build((None, 3))
    seeds = gradients.fresh_seeds(model, tf.constant(7), tf.constant(0))
    assert [int(state[0]) for _, state in seeds] == [1, 2]
    others = gradients.fresh_seeds(model, tf.constant(8), tf.constant(0))
    assert int(others[0][1][1]) != int(seeds[0][1][1])


def test_a_weight_without_influence_has_gradient_zero():
    model = Twice()
    other = keras.Variable(np.ones(2), name="other")
    with pytest.warns(UserWarning, match="does not depend on other:"):
        (_, _, *values), uses = gradients.gradient_sums(
            lambda: model(X),
            lambda outputs: (tf.reduce_mean(outputs), tf.constant(1.0)),
            [*model.trainable_variables, other],
            [other],
            [],
            tf.constant(1.0),
        )
    assert uses == [2, 1, 0]
    np.testing.assert_array_equal(values[2], [0, 0])
