"""What rules change, measured on a small model."""

import pytest
import tensorflow as tf

from shared_transformer_tf.benchmark import rules


@pytest.fixture(scope="module")
def distances():
    # sooner than two dozen functions are traced
    tf.config.run_functions_eagerly(True)
    try:
        return rules.compare_rules(updates=2)
    finally:
        tf.config.run_functions_eagerly(False)


@pytest.mark.parametrize("rule", ["uses", "sqrt_uses"])
def test_a_constant_factor_acts_under_sgd_and_not_under_adam(distances, rule):
    assert distances["adam"][rule] < 5e-3  # rounding, epsilon
    assert distances["sgd"][rule] > 0.1


@pytest.mark.parametrize("rule", ["aligned", "unit", "clip"])
def test_rules_of_each_use_act_under_adam(distances, rule):
    assert distances["adam"][rule] > 5e-3


def test_update_scaling_acts_under_every_optimizer(distances):
    for by_rule in distances.values():
        assert by_rule["update_scaling=uses"] > 0.1
