"""Learning rates: rise, top and fall."""

import keras
import numpy as np
import pytest

from shared_transformer_tf.config import TrainingConfig
from shared_transformer_tf.training.optimizers import make_optimizer
from shared_transformer_tf.training.schedules import WarmupSchedule


@pytest.mark.parametrize(
    "curve", ["inverse_sqrt", "constant", "linear", "cosine"]
)
def test_rise_and_end(curve):
    schedule = WarmupSchedule(2.0, 10, curve, 100)
    rates = np.array([float(schedule(step)) for step in range(100)])
    np.testing.assert_allclose(rates[:10], np.arange(1, 11) / 5, rtol=1e-6)
    assert (np.diff(rates[9:]) <= 0).all()
    ends = {"inverse_sqrt": 2 * (10 / 100) ** 0.5, "constant": 2.0}
    assert rates[-1] == pytest.approx(ends.get(curve, 0.0), abs=1e-5)


def test_no_warmup_starts_at_the_top():
    assert float(WarmupSchedule(2.0, 0)(0)) == 2.0


def test_config_round_trip():
    schedule = WarmupSchedule(2.0, 10, "linear", 100)
    again = WarmupSchedule.from_config(schedule.get_config())
    assert float(again(50)) == float(schedule(50))


def test_wrong_curves():
    with pytest.raises(ValueError, match="inverse_sqrt"):
        WarmupSchedule(1.0, 1, "square")
    with pytest.raises(ValueError, match="max_steps"):
        WarmupSchedule(1.0, 1, "linear")


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
