"""Paths on their own: what is chosen, when they end, what they score."""

import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf import config
from shared_transformer_tf.decoding import greedy, hypotheses
from tests.decoding import toy

ROWS = 6
CANDIDATES = (*toy.WORDS, config.END_ID)


def make_options(**options):
    return config.DecodingConfig(**{"alpha": 0.0} | options)


def run(space, options=None):
    found = tf.function(
        lambda: greedy.greedy_search(space, options or make_options()),
        autograph=False,
    )()
    return hypotheses.Hypotheses(*(result.numpy() for result in found))


def walk(model, row, limit):
    """Takes the best next token again and again, in numpy."""
    ids = ()
    while len(ids) < limit and config.END_ID not in ids:
        ids = max(
            ((*ids, token) for token in CANDIDATES),
            key=lambda longer: model.rescore(row, longer)[0],
        )
    return ids


def follow_script(script, limits, model=None, **options):
    """Follows tokens (batch, paths, length) that are given in advance."""
    model = model or toy.ToyModel(len(script))
    script = tf.constant(script)

    def choose(logits, position):
        del logits
        return script[:, :, position]

    return greedy.follow(
        model.space(limits, script.shape[1]),
        script.shape[1],
        choose,
        make_options(**options),
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_takes_the_best_token_at_every_step(seed):
    model = toy.ToyModel(ROWS, seed)
    limits = [1, 2, 4, 6, 9, 12]
    found = run(model.space(limits, 1))
    for row, limit in enumerate(limits):
        ids = walk(model, row, limit)
        length = found.lengths[row, 0]
        assert tuple(found.ids[row, 0, :length]) == ids
        assert not found.ids[row, 0, length:].any()
        expected, _ = model.rescore(row, ids)
        assert found.log_probabilities[row, 0] == pytest.approx(
            expected, abs=1e-5
        )
        assert found.truncated[row, 0] == (ids[-1] != config.END_ID)


def test_never_takes_padding_or_the_start_symbol():
    model = toy.ToyModel(ROWS)
    model.logits[..., [config.PAD_ID, config.START_ID]] = 50.0
    found = run(model.space([12] * ROWS, 1))
    for row in range(ROWS):
        ids = found.ids[row, 0, : found.lengths[row, 0]]
        assert not set(ids.tolist()) & {config.PAD_ID, config.START_ID}
    assert (found.log_probabilities < -40).all()  # the model wanted others


@pytest.mark.parametrize(("kind", "alpha"), [("gnmt", 1.0), ("power", 0.6)])
def test_penalties_change_scores_but_not_the_path(kind, alpha):
    model = toy.ToyModel(ROWS)
    space = model.space([9] * ROWS, 1)
    options = make_options(
        length_penalty=kind, alpha=alpha, coverage_penalty=0.3
    )
    plain, found = run(space), run(space, options)
    np.testing.assert_array_equal(found.ids, plain.ids)
    np.testing.assert_array_equal(plain.scores, plain.log_probabilities)
    for row in range(ROWS):
        ids = tuple(found.ids[row, 0, : found.lengths[row, 0]].tolist())
        expected = model.score(row, ids, options)
        assert found.scores[row, 0] == pytest.approx(expected, abs=1e-5)


def test_stops_when_every_row_has_ended():
    model = toy.ToyModel(3)
    model.logits[..., config.END_ID] = 30.0
    model.logits[1, :2, :, config.END_ID] = -30.0  # two words, then the end
    space = model.space([12] * 3, 1)
    steps = []

    def step_fn(ids, position, state, context):
        steps.append(int(position))
        return space.step_fn(ids, position, state, context)

    counted = space._replace(step_fn=step_fn)
    found = greedy.greedy_search(counted, make_options())
    assert steps == [0, 1, 2]
    assert found.lengths.numpy().tolist() == [[1], [3], [1]]


@pytest.mark.parametrize("coverage", [0.0, 0.5])
def test_rows_of_limit_zero_are_empty_and_not_truncated(coverage):
    options = make_options(coverage_penalty=coverage)
    found = run(toy.ToyModel(2).space([0, 4], 1), options)
    assert found.lengths[0, 0] == 0
    assert found.scores[0, 0] == 0
    assert not found.ids[0].any()
    assert not found.truncated[0, 0]
    assert found.lengths[1, 0] > 0


def test_the_batch_may_be_empty():
    found = run(toy.ToyModel(1).space([], 1, []))
    assert found.ids.shape == (0, 1, 0)
    assert found.counts.shape == (0,)


def test_paths_follow_what_is_chosen_until_end_or_limit():
    end = config.END_ID
    script = [[[4, end, 5, 5], [5, 4, 4, end]], [[4, 4, 4, 4], [end] * 4]]
    found = follow_script(script, [4, 3])
    expected = [
        [[4, end, 0, 0], [5, 4, 4, end]],
        [[4, 4, 4, 0], [end, 0, 0, 0]],
    ]
    np.testing.assert_array_equal(found.ids, expected)
    np.testing.assert_array_equal(found.lengths, [[2, 4], [3, 1]])
    np.testing.assert_array_equal(
        found.truncated, [[False, False], [True, False]]
    )
    np.testing.assert_array_equal(found.counts, [2, 2])


@pytest.mark.parametrize("coverage", [0.0, 0.5])
def test_each_path_is_scored_on_its_own(coverage):
    model = toy.ToyModel(2, seed=3)
    end = config.END_ID
    script = [[[4, end, 5], [5, 4, end]], [[1, 4, 5], [end, 1, 1]]]
    options = {"coverage_penalty": coverage, "alpha": 1.0}
    found = follow_script(script, [3, 3], model, **options)
    for row in range(2):
        for path in range(2):
            ids = found.ids[row, path, : found.lengths[row, path]]
            expected = model.score(
                row, tuple(ids.numpy()), make_options(**options)
            )
            assert float(found.scores[row, path]) == pytest.approx(
                expected, abs=1e-5
            )


def test_what_chooses_sees_logits_without_symbols_and_the_position():
    model = toy.ToyModel(2)
    seen = []

    def choose(logits, position):
        seen.append((logits.numpy(), int(position)))
        return tf.fill([2, 3], 4)

    greedy.follow(model.space([3, 3], 3), 3, choose, make_options())
    assert [position for _, position in seen] == [0, 1, 2]
    for logits, _ in seen:
        assert logits.shape == (2, 3, toy.VOCABULARY)
        symbols = logits[..., [config.PAD_ID, config.START_ID]]
        assert (symbols < hypotheses.POSSIBLE).all()
        assert (logits[..., CANDIDATES] > -100).all()
