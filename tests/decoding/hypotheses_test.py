"""Scores of hypotheses, and the shapes of a search's state."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf import config
from shared_transformer_tf.decoding import hypotheses

ALPHAS = [0.0, 0.6, 1.0, 2.0]
SOURCE_MASK = np.array([[1, 1, 0], [1, 1, 1]], bool)

each_penalty = pytest.mark.parametrize("kind", ["gnmt", "power"])


def make_options(kind="gnmt", alpha=1.0, coverage=0.0):
    return config.DecodingConfig(
        length_penalty=kind, alpha=alpha, coverage_penalty=coverage
    )


OPTIONS = make_options()


def make_space(state=(), mask=SOURCE_MASK):
    return hypotheses.SearchSpace(
        step_fn=None,
        state=state,
        limits=tf.constant([5] * len(mask)),
        source_mask=tf.constant(mask),
    )


def scores(log_probabilities, lengths, coverage, options):
    return hypotheses.normalized_scores(
        tf.constant(log_probabilities, tf.float32),
        tf.constant(lengths),
        tf.constant(coverage, tf.float32),
        make_space(),
        options,
    ).numpy()


@pytest.mark.parametrize("alpha", ALPHAS)
def test_length_penalty_is_that_of_the_papers(alpha):
    lengths = np.arange(1, 9)
    for kind, formula in (
        ("gnmt", (5 + lengths) ** alpha / 6**alpha),
        ("power", lengths**alpha),
    ):
        penalty = hypotheses.length_penalty(lengths, kind, alpha)
        assert penalty.dtype == tf.float32
        np.testing.assert_allclose(penalty, formula, rtol=1e-5)


@each_penalty
@pytest.mark.parametrize("alpha", ALPHAS)
def test_length_penalty_never_falls_and_is_at_least_one(kind, alpha):
    options = make_options(kind, alpha)
    penalty = hypotheses.length_penalty(
        np.arange(200), options.length_penalty, options.alpha
    ).numpy()
    assert (np.diff(penalty) >= 0).all()
    assert (penalty >= 1).all()
    assert penalty[0] == penalty[1]  # an empty row divides by no zero
    assert (np.diff(penalty[1:]) > 0).all() == (alpha > 0)


def test_length_penalty_takes_any_shape():
    arguments = "gnmt", 1.0
    lengths = tf.constant([[1, 2], [3, 4], [5, 6]])
    assert hypotheses.length_penalty(lengths, *arguments).shape == (3, 2)
    assert hypotheses.length_penalty(tf.constant(3), *arguments).shape == ()


@each_penalty
def test_score_is_the_log_probability_over_the_penalty(kind):
    options = make_options(kind, 0.6)
    given = [[-1.0, -2.0], [-3.0, -4.0]]
    found = scores(given, [[1, 2], [3, 9]], np.zeros((2, 2, 0)), options)
    penalty = hypotheses.length_penalty(
        [[1, 2], [3, 9]], options.length_penalty, options.alpha
    )
    np.testing.assert_allclose(found * penalty, given, rtol=1e-6)


def test_length_normalisation_lifts_the_longer_of_two_equals():
    (found,) = scores([[-4.0, -4.0]], [[2, 8]], np.zeros((1, 2, 0)), OPTIONS)
    assert found[1] > found[0]


def test_one_length_may_serve_all():
    given = [[-1.0, -2.0], [-3.0, -4.0]]
    none = np.zeros((2, 2, 0))
    np.testing.assert_array_equal(
        scores(given, 4, none, OPTIONS),
        scores(given, [[4, 4], [4, 4]], none, OPTIONS),
    )


def coverage_term(coverage, beta=0.5):
    """Returns what coverage adds to scores, for two rows of one."""
    options = make_options(coverage=beta)
    coverage = np.array(coverage)[:, np.newaxis]
    plain = dataclasses.replace(options, coverage_penalty=0.0)
    arguments = [[-1.0], [-2.0]], [[2], [3]], coverage
    return (scores(*arguments, options) - scores(*arguments, plain))[:, 0]


def test_coverage_adds_the_logarithms_of_what_is_seen():
    coverage = [[0.5, 0.25, 0.1], [0.5, 0.25, 0.1]]
    expected = [np.log(0.5 * 0.25) / 2, np.log(0.5 * 0.25 * 0.1) / 2]
    np.testing.assert_allclose(coverage_term(coverage), expected, rtol=1e-5)


def test_full_coverage_costs_nothing_and_more_is_no_gain():
    full = coverage_term([[1, 1, 0], [1, 1, 1]])
    more = coverage_term([[3, 9, 5], [2, 1.5, 7]])
    np.testing.assert_allclose(full, 0, atol=1e-6)
    np.testing.assert_allclose(more, 0, atol=1e-6)


def test_coverage_of_padding_does_not_count():
    low = coverage_term([[0.5, 0.5, 0.01], [1, 1, 1]])
    high = coverage_term([[0.5, 0.5, 0.99], [1, 1, 1]])
    np.testing.assert_array_equal(low, high)


def test_a_source_that_nobody_saw_is_finite_and_the_worst():
    nothing = coverage_term(np.zeros((2, 3)))
    little = coverage_term(np.full((2, 3), 0.01))
    assert np.isfinite(nothing).all()
    assert (nothing < little).all()
    assert (nothing > hypotheses.POSSIBLE).all()


def test_a_row_of_limit_zero_has_no_coverage_to_miss():
    space = make_space()._replace(limits=tf.constant([0, 5]))
    found = hypotheses.normalized_scores(
        tf.zeros([2, 1]),
        tf.constant(0),
        tf.zeros([2, 1, 3]),
        space,
        make_options(coverage=0.5),
    ).numpy()
    assert found[0] == 0 and found[1] < 0


def test_impossible_lies_below_possible():
    assert hypotheses.IMPOSSIBLE < hypotheses.POSSIBLE < -1e8
    for kind in ("gnmt", "power"):
        found = scores(
            [[-1e4]], [[1]], np.zeros((1, 1, 0)), make_options(kind, 2.0)
        )
        assert found > hypotheses.POSSIBLE


@pytest.mark.parametrize(("beta", "columns"), [(0.0, 0), (0.2, 3)])
def test_coverage_is_carried_only_where_it_counts(beta, columns):
    first = hypotheses.first_coverage(
        make_space(), 4, make_options(coverage=beta)
    )
    assert first.shape == (2, 4, columns)
    assert not first.numpy().any()


def test_axes_of_length_zero_and_the_batch_may_change():
    state = {
        "caches": [(tf.zeros([2, 3, 4, 0, 5]), tf.zeros([2, 3]))],
        "steps": tf.zeros([2, 3, 0]),
    }
    shapes = hypotheses.growing_shapes(state)
    keys, counts = shapes["caches"][0]
    assert keys.as_list() == [None, 3, 4, None, 5]
    assert counts.as_list() == [None, 3]
    assert shapes["steps"].as_list() == [None, 3, None]
