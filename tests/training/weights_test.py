"""Weights by path: each once, assigned whole or not at all."""

import keras
import numpy as np
import pytest

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.training import weights


class Twice(keras.Model):
    """One layer called twice, and another."""

    def __init__(self, width=3, **kwargs):
        super().__init__(**kwargs)
        self.shared = keras.layers.Dense(width, name="shared")
        self.last = keras.layers.Dense(width, name="last")

    def build(self, input_shape):
        self.shared.build(input_shape)
        self.last.build(input_shape)

    def call(self, x):
        return self.last(self.shared(self.shared(x)))


def make(width=3, name="twice", **compiled):
    model = Twice(width, name=name)
    model.build((None, width))
    if compiled:
        model.compile(keras.optimizers.SGD(0.5, **compiled), "mse")
        model.optimizer.build(model.trainable_variables)
    return model


def values(model):
    return {
        name: variable.numpy()
        for name, variable in weights.weight_variables(model).items()
    }


def test_paths_are_relative_to_the_model_and_each_weight_is_there_once():
    names = {"shared/kernel", "shared/bias", "last/kernel", "last/bias"}
    assert values(make()).keys() == names
    assert values(make(name="other")).keys() == names


def test_two_weights_of_one_path_are_refused():
    model = keras.Sequential(name="model")
    model.add(keras.layers.Dense(2, name="first"))
    model.build((None, 2))
    model.layers[0].bias._path = model.layers[0].kernel.path
    with pytest.raises(ValueError, match="same path"):
        weights.weight_variables(model)


def test_weights_of_one_model_fit_another_of_the_same_shape():
    ours, theirs = make(), make(name="other")
    weights.assign_weights(theirs, values(ours), "a file")
    for name, value in values(ours).items():
        np.testing.assert_array_equal(value, values(theirs)[name])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.pop("last/bias"), "1 arrays are missing .'last/bias'"),
        (lambda v: v.update(more=np.ones(1)), "1 are unknown .'more'"),
        (
            lambda v: v.update({"last/bias": np.ones(4)}),
            r"last/bias has shape \(4,\), this model's is \(3,\)",
        ),
        (lambda v: v.update({"last/bias": np.ones([1, 3])}), r"\(1, 3\)"),
    ],
)
def test_weights_of_another_model_are_refused(change, message):
    model = make()
    given = values(make())
    change(given)
    with pytest.raises(InputError, match=message) as error:
        weights.assign_weights(model, given, "some/file")
    assert "some/file is of another model" in str(error.value)


def test_ignored_names_do_not_count():
    weights.check_names(["a"], ["a", "raw/b"], "file", ignored="raw/")
    with pytest.raises(InputError, match="unknown"):
        weights.check_names(["a"], ["a", "raw/b"], "file")


def test_inference_takes_the_weights_themselves_without_an_average():
    for model in (make(), make(momentum=0.5)):
        for name, value in weights.inference_weights(model).items():
            np.testing.assert_array_equal(value, values(model)[name])


@pytest.mark.parametrize("scaled", [False, True])
def test_before_the_first_update_there_is_no_average(scaled):
    model = make(use_ema=True)
    if scaled:  # and the one update is left out, as it would overflow
        inner = keras.optimizers.SGD(0.5, use_ema=True)
        model.compile(keras.optimizers.LossScaleOptimizer(inner), "mse")
        model.optimizer.build(model.trainable_variables)
        model.train_on_batch(*np.full([2, 4, 3], 1e30, "float32"))
    own = values(model)
    assert np.isfinite(own["last/kernel"]).all() and own["last/kernel"].any()
    for name, value in weights.inference_weights(model).items():
        np.testing.assert_array_equal(value, own[name])


def test_inference_takes_the_average_that_the_optimizer_keeps():
    model = make(use_ema=True, ema_momentum=0.75)
    x = np.ones([4, 3], "float32")
    model.train_on_batch(x, -x)
    expected = values(model)  # Keras begins with the first update
    for _ in range(2):
        model.train_on_batch(x, -x)
        now = values(model)
        for name, value in now.items():
            expected[name] = 0.75 * expected[name] + 0.25 * value
    averaged = weights.inference_weights(model)
    assert averaged.keys() == now.keys()
    for name, value in averaged.items():
        np.testing.assert_allclose(value, expected[name], atol=1e-6)
        assert not np.allclose(value, now[name])
