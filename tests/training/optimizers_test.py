"""Optimizers: each setting arrives, none comes uncalled."""

import keras
import numpy as np
import pytest

from shared_transformer_tf.config import TrainingConfig
from shared_transformer_tf.training.optimizers import (
    make_optimizer,
    scale_updates,
)
from tests.training.reused import assert_close, batch, tagger, trained, values

NAMES = TrainingConfig.__dataclass_fields__["optimizer"].metadata["choices"]


def values_after(updates, gradient=0.5, **settings):
    """Where a weight of 1 is after some updates, each of that gradient."""
    settings = {"warmup_steps": 0, "schedule": "constant"} | settings
    optimizer = make_optimizer(TrainingConfig(**settings))
    variable = keras.Variable(np.ones([3, 3], "float32"))
    for _ in range(updates):
        optimizer.apply([np.full([3, 3], gradient, "float32")], [variable])
    return variable.numpy()[0, 0]


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "adafactor"])
def test_optimizers_lower_a_loss(name):
    settings = TrainingConfig(
        optimizer=name, learning_rate=0.1, warmup_steps=0, weight_decay=1e-3
    )
    optimizer = make_optimizer(settings)
    variable = keras.Variable(np.full((2, 2), 3.0, "float32"))
    for _ in range(20):
        optimizer.apply([2 * variable.numpy()], [variable])
    assert np.abs(variable.numpy()).max() < 2.9
    rate = float(optimizer.learning_rate)
    assert rate == pytest.approx(0.1 / 21**0.5, rel=1e-4)


def test_no_weight_decay_unless_asked():
    for name in ("adam", "adamw", "sgd", "adafactor"):
        assert not make_optimizer(TrainingConfig(optimizer=name)).weight_decay


def test_moving_average_is_off_unless_asked():
    assert not make_optimizer(TrainingConfig()).use_ema
    assert make_optimizer(TrainingConfig(ema_decay=0.9)).ema_momentum == 0.9


def test_every_choice_of_the_config_is_made():
    made = {
        name: type(make_optimizer(TrainingConfig(optimizer=name)))
        for name in NAMES
    }
    expected = {
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.AdamW,
        "sgd": keras.optimizers.SGD,
        "adafactor": keras.optimizers.Adafactor,
    }
    assert made == expected


@pytest.mark.parametrize("name", NAMES)
def test_the_optimizer_does_not_clip(name):
    optimizer = make_optimizer(TrainingConfig(optimizer=name, clip_norm=1.0))
    assert optimizer.clipnorm is None
    assert optimizer.global_clipnorm is None
    assert optimizer.clipvalue is None


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_the_first_step_of_adam_is_the_rate_of_whatever_gradient(name):
    for gradient in (1e-3, 10.0):
        left = values_after(
            1, gradient, optimizer=name, learning_rate=0.25, epsilon=1e-9
        )
        assert left == pytest.approx(0.75, abs=1e-4)


def test_momentum_is_the_settings():
    plain = values_after(2, optimizer="sgd", learning_rate=0.1, momentum=0.0)
    assert plain == pytest.approx(1 - 2 * 0.1 * 0.5)
    heavy = values_after(2, optimizer="sgd", learning_rate=0.1, momentum=0.5)
    assert heavy == pytest.approx(1 - 0.1 * (0.5 + (0.5 + 0.25)))


def test_betas_and_epsilon_are_the_settings():
    one = values_after(1, 1.0, learning_rate=0.1, epsilon=1.0)
    assert 0.95 < one < 1.0  # with none it would be 0.9
    other = values_after(3, 1.0, beta_1=0.0, beta_2=0.0, learning_rate=0.1)
    assert other == pytest.approx(0.7, abs=1e-4)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_weight_decay_pulls_to_zero_where_there_is_no_gradient(name):
    settings = {"optimizer": name, "learning_rate": 0.1, "weight_decay": 0.5}
    assert values_after(1, 0.0, **settings) == pytest.approx(0.95)
    assert values_after(1, 0.0, **settings | {"weight_decay": 0.0}) == 1.0


def test_updates_are_scaled_by_weight_and_not_by_name():
    weights = [keras.Variable(np.ones(2, "float32"), name="w") for _ in "ab"]
    assert weights[0].path == weights[1].path
    optimizer = keras.optimizers.SGD(1.0)
    optimizer.build(weights)
    scale_updates(optimizer, "uses", weights, [1, 4])
    optimizer.apply([np.ones(2, "float32")] * 2)
    assert [float(w.numpy()[0]) for w in weights] == [0.0, 0.75]


@pytest.mark.parametrize(("rate", "factor"), [(0.1, 4), (8.0, 1)])
def test_updates_of_adafactor_are_scaled_below_its_cap(rate, factor):
    weights = [keras.Variable(np.ones(2, "float32")) for _ in "ab"]
    optimizer = keras.optimizers.Adafactor(rate, relative_step=False)
    optimizer.build(weights)
    scale_updates(optimizer, "uses", weights, [1, 4])
    optimizer.apply([np.full(2, 0.5, "float32")] * 2)
    plain, scaled = (1.0 - float(w.numpy()[0]) for w in weights)
    assert plain == pytest.approx(min(rate, 1.0), rel=1e-4)
    assert scaled == pytest.approx(plain / factor, rel=1e-4)


@pytest.mark.parametrize(
    ("scaling", "factor"), [("uses", 3), ("sqrt_uses", 3**0.5)]
)
@pytest.mark.parametrize("scaled_loss", [False, True])
def test_update_scaling_divides_the_steps_of_shared_weights(
    scaling, factor, scaled_loss
):
    start = values(tagger())
    results = []
    for chosen in ("none", scaling):
        optimizer = keras.optimizers.Adam(0.01)
        if scaled_loss:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer, 8.0)
        model = tagger()
        results.append(
            trained(model, optimizer, steps=1, update_scaling=chosen)[0]
        )
    counts = model.count_uses(batch()).values()
    assert {1, 3} <= set(counts)
    for before, plain, scaled, count in zip(
        start, *results, counts, strict=True
    ):
        divisor = {1: 1, 3: factor}.get(count)
        if divisor and np.abs(plain - before).max() > 0:
            np.testing.assert_allclose(
                (scaled - before) * divisor, plain - before, atol=1e-6
            )


def test_update_scaling_leaves_weight_decay_alone():
    model = tagger()
    start = values(model)
    optimizer = keras.optimizers.SGD(0.1, weight_decay=0.5)
    model.compile(optimizer, update_scaling="uses", max_gradient_norm=0.0)
    inputs, targets = batch()
    model.train_on_batch(inputs, np.zeros_like(targets))  # no tokens, no loss
    assert_close(values(model), [0.95 * value for value in start], 1e-6)
