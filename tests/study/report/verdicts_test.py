"""When an interval says something."""

import pytest

from shared_transformer_tf.study.report import verdicts
from shared_transformer_tf.study.report.verdicts import (
    Difference,
    Interval,
)


@pytest.mark.parametrize(
    "low, high, expected",
    [
        (-0.29, 0.1, "not worse"),
        (-0.29, -0.1, "not worse"),
        (0.5, 0.9, "not worse"),
        (-0.3, 0.1, "undecided"),
        (-2.0, -0.3, "undecided"),
        (-2.0, 2.0, "undecided"),
        (-2.0, -0.31, "worse"),
    ],
)
def test_verdicts_at_the_margin(low, high, expected):
    assert verdicts.MARGIN == 0.3
    assert verdicts.verdict(Interval(low, high)) == expected


def test_a_difference_knows_its_margin_and_its_side_of_0():
    loss = Interval(-0.4, -0.1)
    found = Difference(-0.2, loss, None, {"en-de": 1})
    assert (found.verdict, found.direction) == ("undecided", "lower")
    assert (found.seed_verdict, found.seed_direction) == (None, None)
    found = Difference(-0.2, loss, Interval(-0.6, 0.2), {"en-de": 3}, 0.5)
    assert (found.verdict, found.direction) == ("not worse", "lower")
    assert found.seed_verdict == "undecided"
    assert found.seed_direction == "not told apart"
