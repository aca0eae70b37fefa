"""Residual scales against their formulas."""

import math

import pytest

from shared_transformer_tf.layers.residual import Residual
from shared_transformer_tf.sharing import SharingPlan

PLAN = SharingPlan.create(6, 2, "0 0 0 0 1 1", shared_sublayers="feed_forward")


@pytest.mark.parametrize(
    ("name", "kind", "index", "expected"),
    [
        ("none", "feed_forward", 0, 1.0),
        ("inverse_uses", "feed_forward", 0, 1 / 4),
        ("inverse_uses", "feed_forward", 1, 1 / 2),
        ("inverse_uses", "self_attention", 5, 1.0),
        ("inverse_uses_sqrt_blocks", "feed_forward", 0, 3 / 4 / math.sqrt(2)),
        ("inverse_uses_sqrt_blocks", "self_attention", 0, 3 / math.sqrt(6)),
    ],
)
def test_branch_scale(name, kind, index, expected):
    residual = Residual(name, PLAN, "pre", 3.0)
    assert residual.branch_scale(kind, index) == pytest.approx(expected)
    assert residual.skip_scale == residual.initial_gain == 1


def test_uses_elsewhere_count():
    residual = Residual(
        "inverse_uses", PLAN, "pre", 1.0, {"feed_forward": (2,)}
    )
    assert residual.branch_scale("feed_forward", 0) == 1 / 6
    assert residual.branch_scale("feed_forward", 1) == 1 / 2


def test_deepnorm_goes_by_the_layers_applied():
    residual = Residual("deepnorm", PLAN, "post", 1.0)
    assert residual.branch_scale("feed_forward", 0) == 1
    assert residual.skip_scale == pytest.approx(math.sqrt(12))
    assert residual.initial_gain == pytest.approx(1 / math.sqrt(48))


@pytest.mark.parametrize(
    ("name", "normalization", "message"),
    [
        ("half", "pre", "inverse_uses"),
        ("none", "middle", "'pre' or 'post'"),
        ("deepnorm", "pre", "post-norm"),
    ],
)
def test_what_does_not_go_together_is_refused(name, normalization, message):
    with pytest.raises(ValueError, match=message):
        Residual(name, PLAN, normalization, 1.0)
