"""The training step: by the token, clipped once, plain Keras if asked."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf.models.transformer import SharedTransformer
from shared_transformer_tf.training import strategies
from shared_transformer_tf.training.model import NormalizedGradientModel
from shared_transformer_tf.uses import UnclearUseError


class Tagger(NormalizedGradientModel):
    """A model of another kind: a label for each token."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.embedding = keras.layers.Embedding(10, 4)
        self.dense = keras.layers.Dense(10)

    def call(self, ids, training=None):
        return self.dense(self.embedding(ids))


def transformer(**kwargs):
    keras.utils.set_random_seed(0)
    return SharedTransformer(
        15,
        num_layers=2,
        sharing="universal",
        hidden_dim=8,
        num_heads=2,
        intermediate_dim=12,
        seed=1,
        **{"dropout": 0.0} | kwargs,
    )


def batch():
    source = np.array([[5, 6, 7, 3], [8, 3, 0, 0]], "int32")
    target_in = np.array([[2, 9, 10], [2, 11, 0]], "int32")
    target_out = np.array([[9, 10, 3], [11, 3, 0]], "int32")
    return (source, target_in), target_out


def manual_gradients(model, smoothing):
    inputs, targets = batch()
    variables = [v.value for v in model.trainable_variables]
    with tf.GradientTape() as tape:
        log_probabilities = tf.nn.log_softmax(model(inputs))
        wanted = tf.one_hot(targets, 15) * (1 - smoothing) + smoothing / 15
        each = -tf.reduce_sum(wanted * log_probabilities, -1)
        loss = tf.reduce_sum(each * (targets != 0)) / 5  # five target tokens
    gradients = tape.gradient(loss, variables)
    return loss, [tf.convert_to_tensor(g).numpy() for g in gradients]


@pytest.mark.parametrize("clip_norm", [0.0, 0.5])
def test_a_step_is_the_clipped_gradient_of_the_mean_per_token(clip_norm):
    model = transformer()
    loss, gradients = manual_gradients(model, 0.1)
    before = [v.numpy() for v in model.trainable_variables]
    model.compile(
        keras.optimizers.SGD(0.5),
        label_smoothing=0.1,
        clip_norm=clip_norm,
        run_eagerly=not clip_norm,  # sooner than a second trace
    )
    x, y = batch()
    logs = model.train_on_batch(x, y, return_dict=True)
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
    assert norm > 0.5  # else the clip is not tested
    scale = clip_norm / norm if clip_norm else 1
    assert logs["loss"] == pytest.approx(float(loss), rel=1e-5)
    assert logs["gradient_norm"] == pytest.approx(norm, rel=1e-4)
    assert logs["tokens"] == 5
    for old, gradient, variable in zip(
        before, gradients, model.trainable_variables, strict=True
    ):
        np.testing.assert_allclose(
            variable.numpy(), old - 0.5 * scale * gradient, atol=1e-5
        )


def test_padding_does_not_weigh():
    x, y = batch()
    wide = tuple(np.pad(ids, [(0, 2), (0, 3)]) for ids in x)
    wide_y = np.pad(y, [(0, 2), (0, 3)])
    models = transformer(), transformer()
    for model, inputs, targets in zip(
        models, (x, wide), (y, wide_y), strict=True
    ):
        model.compile(keras.optimizers.SGD(0.5), run_eagerly=True)
        model.train_on_batch(inputs, targets)
    for ours, theirs in zip(models[0].weights, models[1].weights, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-5)


def test_epoch_loss_is_the_mean_over_all_tokens():
    model = transformer()
    (source, target_in), y = batch()
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    whole = model.evaluate((source, target_in), y, verbose=0)
    by_row = model.fit(
        (source, target_in), y, batch_size=1, shuffle=False, verbose=0
    )
    assert by_row.history["loss"][0] == pytest.approx(whole, rel=1e-5)


def test_a_step_is_traced_once(monkeypatch):
    steps = []
    step = SharedTransformer.train_step
    monkeypatch.setattr(
        SharedTransformer,
        "train_step",
        lambda self, data: steps.append(data) or step(self, data),
    )
    model = transformer()
    model.compile("adam")  # has variables of its own for each weight
    for _ in range(2):
        model.train_on_batch(*batch())
    assert len(steps) == 1


def test_a_model_of_another_kind_trains():
    model = Tagger()
    model.compile("adam", label_smoothing=0.1, clip_norm=1.0)
    ids = np.tile(np.arange(1, 9, dtype="int32"), (4, 1))
    history = model.fit(ids, ids, epochs=3, verbose=0)
    assert history.history["loss"][2] < history.history["loss"][0]


def test_mixed_bfloat16_keeps_float32_weights_and_learns():
    model = transformer(dtype="mixed_bfloat16")
    assert {w.dtype for w in model.weights} == {"float32"}
    model.compile(keras.optimizers.Adam(0.01))
    x, y = batch()
    losses = [
        model.train_on_batch(x, y, return_dict=True)["loss"] for _ in range(30)
    ]
    assert losses[-1] < 0.8 * losses[0]


class Raw(NormalizedGradientModel):
    """Reads a kernel once as a layer does, and once past it."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(4, use_bias=False)
        self.dense.build((None, 4))
        self.built = True

    def call(self, x, training=None):
        return tf.matmul(self.dense(x), self.dense.kernel._value)


@pytest.mark.parametrize(
    ("settings", "trains"),
    [
        ({}, True),
        ({"gradient_rule": "uses"}, False),
        ({"gradient_rule": "unit"}, False),
        ({"update_scaling": "sqrt_uses"}, False),
    ],
)
def test_a_read_past_the_layers_is_refused_where_counts_matter(
    settings, trains
):
    model = Raw()
    x = np.ones((2, 4), "float32")
    model.compile("sgd", "mse", **settings)
    with pytest.raises(UnclearUseError, match="kernel acts on the loss"):
        model.count_uses((x, x))
    if trains:  # the sum of the gradients is right without a count
        model.train_on_batch(x, x)
        return
    with pytest.raises(UnclearUseError, match="kernel acts on the loss"):
        model.train_on_batch(x, x)


def test_what_an_optimizer_scales_the_loss_by_changes_no_update():
    found = []
    for factor in (None, 1024.0):
        model = transformer()
        model.compile(
            keras.optimizers.SGD(0.1, loss_scale_factor=factor),
            run_eagerly=True,
        )
        logs = model.train_on_batch(*batch(), return_dict=True)
        assert logs["loss_scale"] == (factor or 1.0)
        found.append(model.get_weights())
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_weight_that_the_loss_does_not_know_is_told():
    class Idle(Tagger):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.other = keras.layers.Dense(3)

        def call(self, ids, training=None):
            self.other(self.embedding(ids))
            return super().call(ids)

    model = Idle()
    model.compile("sgd")
    ids = np.ones((2, 2), "int32")
    model(ids)  # makes the weights
    before = [weight.numpy() for weight in model.trainable_variables]
    with pytest.warns(UserWarning, match="does not depend on .*kernel"):
        model.train_on_batch(ids, ids)
    idle = {id(weight) for weight in model.other.trainable_variables}
    for weight, value in zip(model.trainable_variables, before, strict=True):
        assert np.array_equal(weight, value) == (id(weight) in idle)


def test_weights_of_one_name_are_counted_apart():
    inputs = keras.Input((4,))
    first, second = (keras.layers.Dense(4, name="twin") for _ in range(2))
    model = keras.Sequential([second, second])  # hides one twin from the other
    model = NormalizedGradientModel(inputs, model(first(inputs)))
    model.compile("sgd", "mse", gradient_rule="unit", accumulation_steps=2)
    x = np.ones((4, 4), "float32")
    counts = model.count_uses((x, x))
    assert len(counts) == len(model.trainable_variables) == 4
    assert sorted(counts.values()) == [1, 1, 2, 2]
    model.train_on_batch(x, x)


def test_a_tpu_gets_shapes_that_are_known(monkeypatch):
    model = transformer()
    assert not model.wants_static_shapes
    kinds = []
    for on_tpu in (False, True):
        monkeypatch.setattr(strategies, "is_tpu", lambda _, on=on_tpu: on)
        traced = tf.function(
            lambda: model.token_losses(*batch(), 0.1, True)
        ).get_concrete_function()
        kinds.append({op.type for op in traced.graph.get_operations()})
    assert "Where" in kinds[0] and "Where" not in kinds[1]


def test_wrong_numbers():
    with pytest.raises(ValueError, match="label_smoothing"):
        transformer().compile("adam", label_smoothing=1.0)
    with pytest.raises(ValueError, match="Keras `loss`"):
        transformer().compile("adam", metrics=["accuracy"])
    with pytest.raises(ValueError, match="clip_norm"):
        transformer().compile("adam", clip_norm=-1.0)


def test_sample_weights_are_refused():
    model = transformer()
    model.compile("adam")
    x, y = batch()
    with pytest.raises(ValueError, match="id 0"):
        model.train_on_batch(x, y, sample_weight=np.ones(2))
