"""What layers add to the loss, and rules that may not act on it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf.uses import UnclearUseError
from tests.training.model_test import Tagger


class AddsForEachRow(keras.layers.Layer):
    def call(self, x):
        self.add_loss(keras.ops.ones_like(x[:, 0, 0]) * 0.5)
        return x


def test_a_loss_that_a_layer_adds_for_each_row_is_summed_as_by_keras():
    ids = np.array([[1, 2], [3, 4], [5, 6]], "int32")
    model = Tagger()
    model.dense = keras.Sequential([model.dense, AddsForEachRow()])
    model.compile(keras.optimizers.SGD(0.1))
    before = float(model.evaluate(ids, ids, verbose=0))
    logs = model.train_on_batch(ids, ids, return_dict=True)
    np.testing.assert_allclose(logs["loss"], before + 1.5, rtol=1e-4)


@pytest.mark.parametrize("slices", [1, 2])
@pytest.mark.parametrize("rule", ["uses", "unit"])
def test_uses_are_refused_only_where_a_rule_asks_for_them(rule, slices):
    class InALoop(Tagger):
        def build(self, shape):
            super().build(shape)
            self.scale = self.add_weight(name="scale", initializer="ones")

        def call(self, ids, training=None):
            scale = tf.while_loop(
                lambda i, y: i < 2,
                lambda i, y: (i + 1, y * self.scale.value),
                (0, 1.0),
            )[1]
            return scale * super().call(ids, training)

    ids = np.array([[1, 2], [3, 4]], "int32")
    for rules, refused in (({"scale": "none", "": rule}, False), (rule, True)):
        model = InALoop()
        model.compile("sgd", gradient_rule=rules, accumulation_steps=slices)
        if refused:
            with pytest.raises(UnclearUseError, match="scale is read"):
                model.train_on_batch(ids, ids)
        else:
            model.train_on_batch(ids, ids)


@pytest.mark.parametrize("rule", ["uses", "sqrt_uses", "unit"])
def test_a_rule_does_not_act_on_what_a_regularizer_adds(rule):
    ids = np.array([[1, 2]], "int32")
    model = Tagger()
    model.dense.kernel_regularizer = keras.regularizers.L2(0.01)
    model.compile("sgd", gradient_rule=rule)
    with pytest.raises(UnclearUseError, match="kernel has a regularizer"):
        model.train_on_batch(ids, ids)
    model.compile("sgd", gradient_rule={"kernel": "none", "": rule})
    model.train_on_batch(ids, ids)


@pytest.mark.parametrize("slices", [1, 2])
def test_what_layers_add_is_in_the_loss_by_tokens(slices):
    ids = np.array([[1, 2], [3, 4]], "int32")
    keras.utils.set_random_seed(0)
    model = Tagger()
    model.dense.kernel_regularizer = keras.regularizers.L2(0.01)
    model.dense.activity_regularizer = keras.regularizers.L2(0.01)
    model.compile(keras.optimizers.SGD(0.1), accumulation_steps=slices)
    before = float(model.evaluate(ids, ids, verbose=0))
    kernel = model.dense.kernel.numpy()
    logits = model(ids).numpy()
    added = 0.01 * (kernel**2).sum() + 0.01 * (logits**2).sum() / len(ids)
    logs = model.train_on_batch(ids, ids, return_dict=True)
    np.testing.assert_allclose(logs["loss"], before + added, rtol=1e-4)
    assert added > 0.01
