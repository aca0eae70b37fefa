"""What a report says of factors that Adam divides out."""

import pytest

from shared_transformer_tf.config import GRADIENT_RULES
from shared_transformer_tf.study.report import gradient_rules
from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.result_set import ResultSet
from tests.study.synthetic_study import STUDY, make_cell


def told(clip_norm, norms, optimizer="adam"):
    """What is said where arms have such norms of the gradient."""
    cells = []
    for arm, norm in norms.items():
        cell = make_cell("en-de", arm, 1, num_sentences=20)
        training = cell["config"]["training"]
        training["clip_norm"], training["optimizer"] = clip_norm, optimizer
        cell["training_curve"] = [{"gradient_norm": 0.5 * norm}] * 3
        cell["training_curve"][1] = {"gradient_norm": norm}
        cells.append(cell)
    return gradient_rules.identity(
        Evidence.of(ResultSet(STUDY, tuple(cells), {}))
    )


def test_a_constant_factor_is_said_to_be_an_identity():
    text = told(5.0, {"shared": 0.8, "uses": 0.4})
    assert "an identity, not a finding" in text
    assert "0.80 at most: no sign that the clip acted" in text
    assert "noise like that of a seed" in text
    assert "standard deviation" not in text
    assert "No norm was clipped here" in told(0.0, {"uses": 9.0})


@pytest.mark.parametrize(
    "norms",
    [
        {"shared": 1.5, "uses": 1.2},
        {"shared": 1.5, "uses": 0.75},  # only `shared` was clipped
    ],
)
def test_where_the_clip_acted_a_difference_is_no_noise(norms):
    text = told(1.0, norms)
    assert "so the clip acted" in text
    assert "may be its doing" in text
    assert "noise" not in text


@pytest.mark.parametrize("rule", [*GRADIENT_RULES, None])
def test_a_search_that_chose_a_constant_factor_is_told(rule):
    settings = {"training.gradient_rule": rule} if rule else {}
    said = gradient_rules.of_search({"settings": settings})
    assert ("Adam divides out" in said) == (rule in ("uses", "sqrt_uses"))


def test_without_adam_a_factor_acts():
    text = told(0.0, {"shared": 1.0, "uses": 0.5}, optimizer="sgd")
    assert text.startswith("These arms were trained with `sgd`.")


def test_arms_that_are_identities_tell_how_large_the_noise_is():
    arms = ("shared", "uses", "sqrt_uses")
    cells = [make_cell("en-de", arm, 1, num_sentences=20) for arm in arms]
    for cell, bleu in zip(cells, (30.0, 31.0, 32.0), strict=True):
        cell["test"]["bleu"] = bleu
        cell["training_curve"] = [{"gradient_norm": 0.1}]
    text = gradient_rules.identity(
        Evidence.of(ResultSet(STUDY, tuple(cells), {}))
    )
    assert "standard deviation of 1.00 BLEU on en-de" in text
