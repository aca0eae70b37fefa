"""A Keras loss weighs rows alike, wherever they lie; ALBERT trains by one."""

import keras
import numpy as np
import pytest

from shared_transformer_tf.training import keras_loss, replicas
from shared_transformer_tf.training.model import NormalizedGradientModel
from tests import albert
from tests.training.reused import assert_close, values

X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")


def model(loss, **settings):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    shared = keras.layers.Dense(4, "tanh", activity_regularizer="l2")
    made = NormalizedGradientModel(inputs, shared(shared(inputs)))
    made.compile(keras.optimizers.SGD(0.1), loss, **settings)
    return made


def squared(reduction):
    return keras.losses.MeanSquaredError(reduction=reduction)


@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight"])
def test_what_is_no_mean_over_rows_is_refused_for_parts(reduction):
    model(squared(reduction)).train_on_batch(X, X)
    with pytest.raises(ValueError, match=f"{reduction}.*this one has 2 parts"):
        model(squared(reduction), accumulation_steps=2)
    with pytest.raises(ValueError, match="mean_squared_error"):
        keras_loss.check_reductions({"a": "mse", "b": squared(reduction)}, 2)


def masked(**settings):
    ids = keras.Input((3,), dtype="int32")
    embedded = keras.layers.Embedding(5, 4, mask_zero=True)(ids)
    made = NormalizedGradientModel(ids, keras.layers.Dense(5)(embedded))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    made.compile(keras.optimizers.SGD(0.1), loss, **settings)
    return made


def test_a_mask_is_refused_for_parts():
    ids = np.array([[1, 2, 3], [4, 0, 0]], "int32")
    masked().train_on_batch(ids, ids)
    with pytest.raises(ValueError, match="have a mask, .* 2 parts"):
        masked(accumulation_steps=2).train_on_batch(ids, ids)


def test_no_reduction_is_refused():
    with pytest.raises(ValueError, match="one number for a batch"):
        model(squared("none"))


def test_a_sum_is_plain_keras_where_the_batch_is_whole():
    ours = model(squared("sum"))
    plain = keras.Model(ours.inputs, ours.outputs)
    start = plain.get_weights()
    ours.train_on_batch(X, X)
    after = values(ours)
    plain.set_weights(start)
    plain.compile(keras.optimizers.SGD(0.1), squared("sum"))
    plain.train_on_batch(X, X)
    assert_close(values(plain), after, 1e-6)


def test_slices_of_unequal_rows_have_the_loss_of_the_whole():
    found = [
        model("mse", accumulation_steps=slices).train_on_batch(
            X, X, return_dict=True
        )
        for slices in (1, 4)
    ]
    for name in ("loss", "gradient_norm"):
        assert found[0][name] == pytest.approx(found[1][name], rel=1e-5)


def one_number(wanted, given):
    return keras.ops.mean(keras.ops.square(wanted - given))


def test_one_number_for_a_batch_is_refused_on_several_replicas(monkeypatch):
    made = model(one_number)
    made.train_on_batch(X, X)
    monkeypatch.setattr(replicas, "number_of_replicas", lambda: 2)
    with pytest.raises(ValueError, match="one_number gives one number"):
        keras_loss.mean_over_rows(made, (X, X), made(X))


def classifier(**settings):
    keras.utils.set_random_seed(0)
    backbone = albert.backbone(dropout=0.1)
    head = keras.layers.Dense(2)(backbone.output["pooled_output"])
    model = NormalizedGradientModel(backbone.input, head)
    model.compile(
        keras.optimizers.Adam(0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        **settings,
    )
    return model


def classified():
    ids = np.random.default_rng(0).integers(1, 20, (32, 4))
    features = {
        "token_ids": ids,
        "segment_ids": np.zeros_like(ids),
        "padding_mask": np.ones_like(ids),
    }
    return features, (ids[:, 0] > 10).astype("int32")


def test_albert_trains_as_it_is():
    model = classifier(gradient_rule="unit", accumulation_steps=2)
    counts = model.count_uses(classified())
    assert set(counts.values()) == {1, 3}
    history = model.fit(*classified(), epochs=12, verbose=0).history
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    assert history["accuracy"][-1] > history["accuracy"][0]
