"""Calls of layers are told in the thread that watches, and only then."""

import threading

import keras
import pytest
import tensorflow as tf

from shared_transformer_tf.uses import UseRecorder
from tests.unclear_uses_test import Reader


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


def test_threads_do_not_see_each_other():
    model = Reader(lambda weight: weight.value)
    with UseRecorder(model.trainable_variables) as record:
        thread = threading.Thread(target=model, args=(tf.ones(2),))
        thread.start()
        thread.join()
        model(tf.ones(2))
    assert record.counts() == [1]


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
