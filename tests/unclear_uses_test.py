"""Reads of weights that cannot be counted are refused where that matters."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf import uses
from shared_transformer_tf.uses import UnclearUseError, UseRecorder


class Reader(keras.Model):
    """Reads a weight as it is told to."""

    def __init__(self, read):
        super().__init__()
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")
        self.read = read
        self.built = True

    def call(self, x):
        return x * self.read(self.scale)


def in_a_loop(weight):
    return tf.while_loop(
        lambda i, y: i < 3, lambda i, y: (i + 1, y * weight.value), (0, 1.0)
    )[1]


def test_a_weight_in_a_loop_is_refused():
    model = Reader(in_a_loop)

    @tf.function(autograph=False)
    def run():
        with UseRecorder(model.trainable_variables):
            return model(tf.ones(2))

    with pytest.raises(UnclearUseError, match="scale .* loop"):
        run()


@pytest.mark.parametrize("copied", [False, True])
def test_what_a_loop_reads_is_refused_only_where_it_is_asked_for(copied):
    model = Reader(in_a_loop)
    weights = model.trainable_variables
    found = []

    @tf.function(autograph=False)
    def run():
        with tf.GradientTape() as tape:
            with UseRecorder(
                weights, tape, weights if copied else [], alone=[]
            ) as record:
                loss = tf.reduce_sum(model(tf.ones(2)))
        gradients = tape.gradient(loss, [model.scale.value])
        record.check_gradients(gradients)
        found.append(record.counts())
        return gradients

    if copied:
        with pytest.raises(UnclearUseError, match="scale .* loop"):
            run()
        return
    (gradient,) = run()
    np.testing.assert_allclose(gradient, 2 * 3 * model.scale.numpy() ** 2)
    assert found == [[0]]


def test_a_weight_outside_any_layer_is_refused_unless_it_says_so():
    model = Reader(lambda weight: weight.value)
    with (
        pytest.raises(UnclearUseError, match="scale is read outside"),
        UseRecorder(model.trainable_variables),
    ):
        tf.identity(model.scale.value)
    with UseRecorder(model.trainable_variables) as record:
        with uses.using("scaling"):
            tf.identity(model.scale.value)
    assert record.counts() == [1]
    assert record.users() == [["scaling"]]


@pytest.mark.parametrize("separate", [False, True])
def test_a_weight_behind_kerass_back_is_refused(separate):
    model = Reader(lambda weight: weight)
    raw = model.scale.value
    model.read = lambda _: raw
    weights = model.trainable_variables
    with tf.GradientTape() as tape:
        with UseRecorder(weights, tape if separate else None) as record:
            loss = tf.reduce_sum(model(tf.ones(2)))
    with pytest.raises(UnclearUseError, match="scale acts on the loss"):
        record.check_gradients(tape.gradient(loss, [raw]))


def raw_in_a_loop(raw):
    return tf.while_loop(
        lambda i, y: i < 3, lambda i, y: (i + 1, y * raw), (0, 1.0)
    )[1]


def count_alone(model):
    @tf.function(autograph=False)
    def run():
        weights = model.trainable_variables
        with UseRecorder(weights, alone=weights) as record:
            loss = tf.reduce_sum(model(tf.ones(2)))
        counts.append(record.counts())
        return tf.gradients(loss, model.scale.value)

    counts = []
    run.get_concrete_function()
    return counts[0]


def test_a_read_beside_a_counted_one_is_refused_where_counts_matter():
    model = Reader(lambda weight: weight.value)
    assert count_alone(model) == [1]
    raw = model.scale.value
    for read in (
        lambda weight: weight.value * raw,
        lambda weight: raw * weight.value,
        lambda weight: raw * 1.0,
        lambda weight: weight.value * raw_in_a_loop(raw),
    ):
        model.read = read
        with pytest.raises(UnclearUseError, match="scale acts on the loss"):
            count_alone(model)


def test_a_regularizer_is_no_use():
    model = Reader(lambda weight: weight)
    model.scale.regularizer = keras.regularizers.L2(0.1)
    weights = model.trainable_variables
    with tf.GradientTape() as tape:
        with UseRecorder(weights, tape) as record:
            loss = tf.reduce_sum(model(tf.ones(2)))
        loss += sum(model.losses)
    with pytest.raises(UnclearUseError, match="scale has a regularizer"):
        record.check_gradients(tape.gradient(loss, [model.scale.value]))
