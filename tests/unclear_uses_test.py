"""What uses are in odd places, and where they are refused."""

import threading

import keras
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


def test_losses_that_layers_add_are_theirs_afterwards():
    inputs = keras.Input((3,))
    shared = keras.layers.Dense(3, activity_regularizer="l2")
    model = keras.Model(inputs, shared(shared(inputs)))
    x = tf.ones((2, 3))
    model(x)
    expected = [float(loss) for loss in model.losses]
    with UseRecorder(model.trainable_variables):
        model(x)
    assert [float(loss) for loss in model.losses] == expected
    assert len(expected) == 2


def test_two_reads_in_a_call_are_one_use_and_nothing_stays_behind():
    original = keras.layers.Layer.__call__
    model = Reader(lambda weight: weight.value + weight.value)
    with UseRecorder(model.trainable_variables) as record:
        model(tf.ones(2))
        model(tf.ones(2))
    assert record.counts() == [2]
    with pytest.raises(ZeroDivisionError):
        with UseRecorder(model.trainable_variables):
            raise ZeroDivisionError
    assert keras.layers.Layer.__call__ is original
    assert not keras.StatelessScope().losses


def test_threads_do_not_see_each_other():
    model = Reader(lambda weight: weight.value)
    with UseRecorder(model.trainable_variables) as record:
        thread = threading.Thread(target=model, args=(tf.ones(2),))
        thread.start()
        thread.join()
        model(tf.ones(2))
    assert record.counts() == [1]
