"""Labels that stand apart, and arms that are told apart."""

import numpy as np
import pytest

from shared_transformer_tf.study.report import result_set
from shared_transformer_tf.study.report.pictures import style


@pytest.mark.parametrize("seed", range(5))
def test_spaced_places_are_apart_ordered_and_inside(seed):
    rng = np.random.default_rng(seed)
    wanted = sorted(rng.uniform(0, 1, 9).tolist())
    places = style.spaced(wanted, 0.1)
    assert (np.diff(places) >= 0.1 - 1e-9).all()
    assert -1e-9 <= places[0] and places[-1] <= 1 + 1e-9


def test_places_with_room_stay_where_they_are():
    assert style.spaced([0.1, 0.5, 0.9], 0.1) == [0.1, 0.5, 0.9]
    assert style.spaced([0.5, 0.5], 0.1) == pytest.approx([0.45, 0.55])
    assert style.spaced([], 0.1) == []


def test_no_two_arms_look_alike():
    found = style.looks(result_set.ARM_ORDER)
    assert len(set(found.values())) == len(result_set.ARM_ORDER)
    assert len({look.marker for look in found.values()}) == len(found)
    assert found["shared"] == style.looks(["shared"])["shared"]
