"""Forced scoring: a sum of log-softmax over the tokens that count."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf import config
from shared_transformer_tf.decoding import greedy, scoring
from tests.decoding import toy

VOCABULARY = 7
TARGETS = np.array([[4, 5, 3, 0], [3, 0, 0, 0], [6, 6, 4, 3]], "int32")


def make_logits(seed=0, scale=2.0):
    generator = np.random.default_rng(seed)
    shape = (*TARGETS.shape, VOCABULARY)
    return (scale * generator.standard_normal(shape)).astype("float32")


def score(logits, targets=TARGETS):
    return scoring.log_probabilities(
        tf.constant(logits), tf.constant(targets)
    ).numpy()


def test_equals_the_sum_over_tokens():
    logits = make_logits()
    wide = logits.astype("float64")
    log_softmax = wide - np.log(np.exp(wide).sum(-1, keepdims=True))
    expected = [
        sum(log_softmax[row, i, t] for i, t in enumerate(ids) if t)
        for row, ids in enumerate(TARGETS)
    ]
    np.testing.assert_allclose(score(logits), expected, rtol=1e-5)


def test_probabilities_of_all_sequences_sum_to_one():
    logits = make_logits()[:1, :2]
    words = range(1, VOCABULARY)  # padding is no token
    logits[:, :, config.PAD_ID] = -1e9
    total = sum(
        np.exp(score(logits, np.array([ids], "int32"))[0])
        for ids in itertools.product(words, repeat=2)
    )
    assert total == pytest.approx(1, rel=1e-5)


def test_padding_changes_nothing():
    logits = make_logits()
    changed = logits.copy()
    changed[TARGETS == config.PAD_ID] = 1e3
    np.testing.assert_array_equal(score(logits), score(changed))
    wider = np.pad(logits, [(0, 0), (0, 3), (0, 0)], constant_values=5.0)
    np.testing.assert_allclose(
        score(wider, np.pad(TARGETS, [(0, 0), (0, 3)])),
        score(logits),
        rtol=1e-6,
    )


def test_the_end_symbol_counts():
    logits = make_logits()
    open_end = np.where(TARGETS == config.END_ID, config.PAD_ID, TARGETS)
    ends = score(logits) - score(logits, open_end)
    assert (ends < 0).all()
    assert score(logits, open_end)[1] == 0  # only the end was there


def test_a_constant_on_all_logits_does_not_matter():
    logits = make_logits()
    np.testing.assert_allclose(score(logits + 50), score(logits), rtol=1e-4)


def test_large_logits_stay_finite_and_never_above_zero():
    found = score(make_logits(scale=1e4))
    assert np.isfinite(found).all()
    assert (found <= 0).all()


def test_low_precision_logits_are_summed_in_float32():
    logits = make_logits()
    half = score(tf.cast(logits, tf.bfloat16))
    assert half.dtype == np.float32
    rounded = tf.cast(tf.cast(logits, tf.bfloat16), tf.float32)
    np.testing.assert_array_equal(half, score(rounded))


def test_rows_do_not_mix():
    logits = make_logits()
    for row in range(len(TARGETS)):
        alone = score(logits[row : row + 1], TARGETS[row : row + 1])
        np.testing.assert_allclose(alone[0], score(logits)[row], rtol=1e-6)


def test_no_rows_and_no_columns():
    assert score(np.zeros((0, 4, 7), "float32"), TARGETS[:0]).shape == (0,)
    empty = score(np.zeros((3, 0, 7), "float32"), TARGETS[:, :0])
    np.testing.assert_array_equal(empty, np.zeros(3))


def test_a_greedy_path_scores_as_it_was_found():
    model = toy.ToyModel(6)
    space = model.space([5] * 6, 1)
    found = greedy.greedy_search(space, config.DecodingConfig())
    ids = found.ids[:, 0]
    previous = tf.concat([tf.fill([6, 1], config.START_ID), ids[:, :-1]], 1)
    state, logits = space.state, []
    for position in range(ids.shape[1]):
        step = previous[:, position : position + 1]
        at_step, _, state = space.step_fn(step, position, state, space.context)
        logits.append(at_step[:, 0])
    np.testing.assert_allclose(
        score(tf.stack(logits, 1), ids),
        found.log_probabilities[:, 0],
        rtol=1e-5,
    )
