"""Each rule against its formula; which weight follows which rule."""

import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf.config import GRADIENT_RULES
from shared_transformer_tf.training.gradient_rules import GradientRules, combine

USES = np.random.default_rng(0).normal(size=(3, 4, 5)) * [[[1]], [[2]], [[0.1]]]
TOTAL = USES.sum(0)
NORMS = np.sqrt((USES**2).sum((1, 2)))


def of_rule(rule, uses=USES, **kwargs):
    tensors = [tf.constant(g) for g in uses]
    return combine(rule, tensors, len(uses), **kwargs).numpy()


def test_none_is_the_sum():
    np.testing.assert_allclose(of_rule("none"), TOTAL)


def test_constant_factors():
    np.testing.assert_allclose(of_rule("uses"), TOTAL / 3)
    np.testing.assert_allclose(of_rule("sqrt_uses"), TOTAL / 3**0.5)
    already_summed = combine("uses", [tf.constant(TOTAL)], 3).numpy()
    np.testing.assert_allclose(already_summed, TOTAL / 3)


def test_aligned_keeps_the_direction_and_has_the_norm_of_a_typical_use():
    result = of_rule("aligned")
    typical = np.sqrt((NORMS**2).mean())
    np.testing.assert_allclose(np.linalg.norm(result), typical)
    np.testing.assert_allclose(result / typical, TOTAL / np.linalg.norm(TOTAL))


def test_unit_gives_each_use_the_same_weight():
    result = of_rule("unit")
    np.testing.assert_allclose(np.linalg.norm(result), np.linalg.norm(TOTAL))
    directions = (USES / NORMS[:, None, None]).sum(0)
    cosine = (result * directions).sum()
    cosine /= np.linalg.norm(result) * np.linalg.norm(directions)
    assert cosine == pytest.approx(1)
    longer = USES * np.array([10, 1, 1])[:, None, None]
    other = of_rule("unit", longer)
    np.testing.assert_allclose(
        other / np.linalg.norm(other), result / np.linalg.norm(result)
    )


def test_clip_bounds_each_use():
    bound = float(np.sort(NORMS)[1])
    factors = np.minimum(1, bound / NORMS)
    assert (factors < 1).sum() == 1
    np.testing.assert_allclose(
        of_rule("clip", clip_norm=bound),
        (USES * factors[:, None, None]).sum(0),
    )


@pytest.mark.parametrize("rule", set(GRADIENT_RULES) - {"clip"})
def test_one_use_is_left_as_it_is(rule):
    np.testing.assert_allclose(of_rule(rule, USES[:1]), USES[0])


@pytest.mark.parametrize("rule", GRADIENT_RULES)
def test_no_gradient_stays_none_and_what_is_not_finite_shows(rule):
    zeros = of_rule(rule, np.zeros((2, 3)), clip_norm=1.0)
    np.testing.assert_array_equal(zeros, np.zeros(3))
    for bad in (np.inf, np.nan):
        broken = of_rule(rule, np.array([[bad, 1.0], [1.0, 1.0]]), clip_norm=1)
        assert not np.isfinite(broken).all()


@pytest.mark.parametrize("rule", ["clip", "unit", "aligned"])
def test_a_norm_that_overflows_shows(rule):
    huge = [tf.constant([1e25, 1.0]), tf.constant([1.0, 0.0])]
    assert not np.isfinite(combine(rule, huge, 2, 0.5)).all()


@pytest.mark.parametrize("rule", GRADIENT_RULES)
def test_uses_that_cancel_give_no_update_without_direction(rule):
    gradient = np.array([[1.0, 2.0], [-1.0, -2.0]])
    result = of_rule(rule, gradient, clip_norm=9.0)
    np.testing.assert_array_equal(result, [0, 0])


def test_the_first_expression_found_in_the_path_counts():
    rules = GradientRules(
        {"embed": "none", "dense/kernel$": "uses", "": "unit"}
    )
    assert rules.rule("source_embedding/tokens/embeddings") == "none"
    assert rules.rule("stack/dense/kernel") == "uses"
    assert rules.rule("stack/dense/bias") == "unit"
    assert GradientRules({"kernel": "uses"}).rule("bias") == "none"


@pytest.mark.parametrize(
    ("rules", "clip_norm", "message"),
    [
        ("mean", 0.0, "Unknown gradient rule 'mean'. Valid: none, uses"),
        ({"kernel": "half"}, 0.0, "half"),
        ("clip", 0.0, "per_use_clip_norm"),
        ({"": "clip"}, -1.0, "-1.0"),
    ],
)
def test_wrong_rules(rules, clip_norm, message):
    with pytest.raises(ValueError, match=message):
        GradientRules(rules, clip_norm)
