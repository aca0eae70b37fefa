"""Learning rates: rise, top and fall."""

import numpy as np
import pytest

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
