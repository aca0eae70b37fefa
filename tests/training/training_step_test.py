"""Every way to the same update: uses, slices, rules, plain Keras."""

import collections
import functools
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf import uses
from shared_transformer_tf.config import GRADIENT_RULES
from shared_transformer_tf.models.transformer import SharedTransformer
from shared_transformer_tf.training.gradient_rules import combine
from shared_transformer_tf.training.model import NormalizedGradientModel
from tests.training.reused import (
    assert_close,
    batch,
    tagger,
    trained,
    values,
    velocities,
)


def transformer(sharing="universal", dropout=0.0, num_layers=2, **kwargs):
    keras.utils.set_random_seed(0)
    return SharedTransformer(
        15,
        num_layers=num_layers,
        sharing=sharing,
        hidden_dim=8,
        num_heads=2,
        intermediate_dim=12,
        dropout=dropout,
        seed=1,
        **kwargs,
    )


def classifier(kind, weights=None):
    # Plain Keras' Adam squares the gradients of a looked-up row one by one,
    # before it adds them: a dense layer in place of the embedding.
    inputs = keras.Input((4, 9))
    x = keras.layers.Dense(
        5, "tanh", kernel_regularizer="l2", activity_regularizer="l1"
    )(inputs)
    x = keras.layers.GlobalAveragePooling1D()(x)
    model = kind(inputs, keras.layers.Dense(3)(x))
    if weights:
        model.set_weights(weights)
    return model


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_one_use_per_weight_is_plain_keras(optimizer):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 4, 9)), rng.integers(0, 3, 12)
    weight = rng.uniform(0.1, 1, 12)
    plain = classifier(keras.Model)
    ours = classifier(NormalizedGradientModel, plain.get_weights())
    histories = []
    for model in (plain, ours):
        model.compile(
            optimizer,
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        fitted = model.fit(
            x, y, sample_weight=weight, batch_size=5, epochs=2, shuffle=False,
            verbose=0,
        )  # fmt: skip
        histories.append(fitted.history)
    assert_close(values(ours), values(plain), 1e-6)
    for name in ("loss", "accuracy"):
        np.testing.assert_allclose(
            histories[1][name], histories[0][name], rtol=1e-6
        )


@pytest.mark.parametrize("rule", GRADIENT_RULES)
def test_a_step_is_the_rule_on_the_gradients_of_each_use(rule):
    model = tagger()
    weights = model.trainable_variables
    for step in range(2):
        (inputs, targets) = batch(step)
        with (
            tf.GradientTape() as tape,
            uses.UseRecorder(weights, tape) as record,
        ):
            loss = tf.reduce_sum(model.token_losses(inputs, targets, 0.0, True))
            loss /= np.count_nonzero(targets)
        by_use = tape.gradient(loss, record.copies())
        expected = [
            v.numpy()
            - 0.1
            * combine(
                rule, [tf.convert_to_tensor(g) for g in gs], len(gs), 0.05
            )
            for v, gs in zip(weights, by_use, strict=True)
        ]
        assert max(record.counts()) == 3
        if not step:
            model.compile(
                keras.optimizers.SGD(0.1),
                gradient_rule=rule,
                per_use_clip_norm=norm_of(rule),
            )
        model.train_on_batch(inputs, targets)
        assert_close(values(model), expected, 1e-5)


def norm_of(rule):
    return 0.05 if rule == "clip" else 0.0


def gathered(model, **settings):
    """The gradients of three updates, by which errors are relative."""
    _, logs = trained(
        model, keras.optimizers.SGD(0.1, momentum=0.5), **settings
    )
    return velocities(model), logs


def test_shared_weights_go_as_copies_with_summed_gradients():
    shared, untied = transformer("universal"), transformer("none")
    shared.compile(keras.optimizers.SGD(0.5), label_smoothing=0.1)

    def name(weight):
        path = weight.path.partition("/")[2]
        return re.sub(r"block_\d", "block_0", path)

    own = {name(weight): weight for weight in shared.trainable_variables}
    copies = untied.trainable_variables
    assert len(copies) > len(own) == len(set(map(name, copies)))
    for copy in copies:
        copy.assign(own[name(copy)])
    for step in range(3):
        inputs, targets = batch(step)
        with tf.GradientTape() as tape:
            losses = untied.token_losses(inputs, targets, 0.1, True)
            loss = tf.reduce_sum(losses) / np.count_nonzero(targets)
        gradients = tape.gradient(loss, [copy.value for copy in copies])
        sums = collections.Counter()
        for copy, gradient in zip(copies, gradients, strict=True):
            sums[name(copy)] += tf.convert_to_tensor(gradient).numpy()
        before = {key: weight.numpy() for key, weight in own.items()}
        logs = shared.train_on_batch(inputs, targets, return_dict=True)
        assert logs["batch_loss"] == pytest.approx(float(loss), rel=1e-5)
        for copy in copies:
            copy.assign_sub(0.5 * sums[name(copy)])
        for key, weight in own.items():
            moved = (before[key] - weight.numpy()) / 0.5
            longest = np.abs(sums[key]).max()
            np.testing.assert_allclose(
                moved, sums[key], atol=1e-5 * longest + 1e-6, err_msg=key
            )
    for copy in copies:
        np.testing.assert_allclose(
            copy.numpy(), own[name(copy)].numpy(), atol=1e-5
        )


# The stacks share what they apply: both use it once.
one_layer = functools.partial(
    transformer, num_layers=1, shared_with_decoder="all"
)


@pytest.mark.parametrize(
    ("build", "rule", "dtype", "tolerance"),
    [(tagger, rule, "float64", 1e-12) for rule in GRADIENT_RULES]
    + [(tagger, "unit", "float32", 1e-5)]
    + [(one_layer, "unit", "float64", 1e-12)],
)
def test_slices_give_the_update_of_the_whole_batch(
    build, rule, dtype, tolerance
):
    settings = dict(
        gradient_rule=rule,
        per_use_clip_norm=norm_of(rule),
        label_smoothing=0.1,
    )
    whole, logs = gathered(build(dtype=dtype), **settings)
    sliced, logs_sliced = gathered(
        build(dtype=dtype), accumulation_steps=4, **settings
    )
    assert_close(sliced, whole, tolerance)
    for one, other in zip(logs_sliced, logs, strict=True):
        for name, value in one.items():
            assert value == pytest.approx(other[name], rel=1e-5), name


@pytest.mark.parametrize(
    ("build", "accumulation_steps"), [(one_layer, 1), (tagger, 2)]
)
def test_xla_gives_the_same_update(build, accumulation_steps):
    settings = dict(
        gradient_rule={"embed": "none", "": "unit"},
        accumulation_steps=accumulation_steps,
        label_smoothing=0.1,
        steps=2,
    )
    plain, _ = gathered(build(), **settings)
    compiled, _ = gathered(build(), jit_compile=True, **settings)
    assert_close(compiled, plain, 1e-5)


def test_adam_divides_a_constant_factor_out_and_sgd_does_not():
    def adam(rule, **settings):
        optimizer = keras.optimizers.Adam(0.01, epsilon=1e-12)
        return trained(tagger(), optimizer, gradient_rule=rule, **settings)

    by_adam = adam("none")[0]
    by_sgd = trained(tagger(), gradient_rule="none")[0]
    clipped = adam("none", clip_norm=0.3, steps=8)[1][-1]["loss"]
    for rule in ("uses", "sqrt_uses"):
        assert_close(adam(rule)[0], by_adam, 1e-3)
        # Shared weights get 1/3 of the norm, others all of it: the clip then
        # takes another part of each.
        with pytest.raises(AssertionError):
            assert_close(trained(tagger(), gradient_rule=rule)[0], by_sgd, 1e-3)
        logs = adam(rule, clip_norm=0.3, steps=8)[1]
        assert abs(logs[-1]["loss"] - clipped) > 1e-5


def test_settings_survive_a_file_and_steps_go_on_alike(tmp_path):
    settings = dict(
        gradient_rule={"embed": "none", "": "aligned"},
        update_scaling="uses",
        accumulation_steps=2,
        clip_norm=0.5,
        max_gradient_norm=100.0,
        run_eagerly=True,  # sooner than a trace of each
    )
    model = transformer(dropout=0.2)
    trained(model, keras.optimizers.Adam(0.01), **settings)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.step_settings == model.step_settings
    for one in (model, again):
        one.train_on_batch(*batch(9))
    assert_close(values(again), values(model), 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gradient_rule": "mean"}, "mean"),
        ({"gradient_rule": "clip"}, "per_use_clip_norm"),
        ({"per_use_clip_norm": 1.0}, "no gradient rule is `clip`"),
        ({"update_scaling": "half"}, "Valid: none, sqrt_uses, uses"),
        ({"accumulation_steps": 0}, "accumulation_steps"),
        ({"max_gradient_norm": -1.0}, "max_gradient_norm"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        tagger().compile("adam", **settings)
