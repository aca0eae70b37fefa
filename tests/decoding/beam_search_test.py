import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf import config
from shared_transformer_tf.decoding import beam_search, greedy, hypotheses
from tests.decoding import toy

ROWS = 5
LIMIT = 5
PENALTIES = [
    ("gnmt", 0.0, 0.0),
    ("gnmt", 1.0, 0.0),
    ("power", 1.0, 0.0),
    ("power", 0.6, 0.3),
    ("gnmt", 2.0, 0.2),
]


def make_options(beam_size, kind="gnmt", alpha=1.0, coverage=0.0):
    return config.DecodingConfig(
        beam_size=beam_size,
        length_penalty=kind,
        alpha=alpha,
        coverage_penalty=coverage,
    )


def run(model, limits, options, num_best=1, rows=None):
    space = model.space(limits, options.beam_size, rows)
    search = tf.function(
        lambda: beam_search.beam_search(space, options, num_best),
        autograph=False,
    )
    return hypotheses.Hypotheses(*(result.numpy() for result in search()))


def tokens(found, row, rank):
    return tuple(found.ids[row, rank, : found.lengths[row, rank]].tolist())


@pytest.mark.parametrize("penalty", PENALTIES)
def test_wide_beam_finds_the_best_of_all_hypotheses(penalty):
    model = toy.ToyModel(ROWS)
    options = make_options(100, *penalty)
    found = run(model, [LIMIT] * ROWS, options, num_best=4)
    for row in range(ROWS):
        expected = model.best(row, LIMIT, options)[:4]
        assert [tokens(found, row, rank) for rank in range(4)] == [
            best for _, best in expected
        ]
        np.testing.assert_allclose(
            found.scores[row], [score for score, _ in expected], rtol=1e-5
        )


@pytest.mark.parametrize(
    ("penalty", "beam_size"),
    [(penalty, 3) for penalty in PENALTIES]
    + [(PENALTIES[-1], beam_size) for beam_size in (1, 2, 5)]
    + [(PENALTIES[0], 1)],
)
def test_scores_are_those_of_the_returned_tokens(penalty, beam_size):
    model = toy.ToyModel(ROWS, seed=1)
    options = make_options(beam_size, *penalty)
    found = run(model, [7, 2, 9, 1, 5], options, num_best=beam_size)
    for row in range(ROWS):
        for rank in range(found.counts[row]):
            ids = tokens(found, row, rank)
            log_probability, _ = model.rescore(row, ids)
            score = model.score(row, ids, options)
            assert abs(found.scores[row, rank] - score) < 4e-6
            assert (
                abs(found.log_probabilities[row, rank] - log_probability) < 4e-6
            )


def test_beam_of_one_is_greedy():
    model = toy.ToyModel(20, seed=3)
    options = make_options(1)
    space = model.space([9] * 20, 1)
    by_greedy = greedy.greedy_search(space, options)
    by_beam = beam_search.beam_search(space, options)
    np.testing.assert_array_equal(by_greedy.ids, by_beam.ids)
    for row, ids in enumerate(by_greedy.ids.numpy()[:, 0]):
        for position, token in enumerate(ids):
            if token:
                logits = np.array(
                    [
                        model.rescore(row, (*ids[:position], word))[0]
                        for word in (*toy.WORDS, config.END_ID)
                    ]
                )
                best = (*toy.WORDS, config.END_ID)[logits.argmax()]
                assert token == best


def test_loop_with_one_beam_is_greedy_where_length_does_not_count():
    model = toy.ToyModel(20, seed=4)
    options = make_options(1, alpha=0.0)
    space = model.space([9] * 20, 1)
    loop = beam_search._BeamSearch(space, options, 1).run(space)
    expected = greedy.greedy_search(space, options)
    for row in range(20):
        length = expected.lengths[row, 0]
        assert loop.lengths[row, 0] == length
        np.testing.assert_array_equal(
            loop.ids[row, 0, :length], expected.ids[row, 0, :length]
        )


def test_results_are_sorted_and_distinct_and_within_limits():
    model = toy.ToyModel(ROWS, seed=5)
    limits = np.array([2, 4, 6, 8, 10])
    found = run(model, limits, make_options(6), num_best=6)
    assert (np.diff(found.scores, axis=1) <= 0).all()
    assert (found.lengths <= limits[:, np.newaxis]).all()
    for row in range(ROWS):
        ids = [tokens(found, row, i) for i in range(found.counts[row])]
        assert len(set(ids)) == len(ids)
        for sequence, truncated in zip(ids, found.truncated[row], strict=False):
            assert (sequence[-1] == config.END_ID) != truncated
            assert config.END_ID not in sequence[:-1]
            assert not {config.PAD_ID, config.START_ID} & set(sequence)


def test_number_wanted_does_not_change_the_best():
    model = toy.ToyModel(ROWS, seed=6)
    limits = [10] * ROWS
    one = run(model, limits, make_options(4), num_best=1)
    four = run(model, limits, make_options(4), num_best=4)
    np.testing.assert_array_equal(one.scores[:, 0], four.scores[:, 0])


@pytest.mark.parametrize("beam_size", [1, 3])
def test_rows_that_never_end_are_truncated_and_say_so(beam_size):
    model = toy.ToyModel(3, seed=7)
    model.logits[0, :, :, config.END_ID] = hypotheses.IMPOSSIBLE
    model.logits[1, :, :, config.END_ID] = 30.0
    found = run(model, [6, 6, 6], make_options(beam_size), beam_size)
    assert found.truncated[0].all()
    assert (found.lengths[0] == 6).all()
    assert found.counts[0] == beam_size
    assert not found.truncated[1].any()
    assert tokens(found, 1, 0) == (config.END_ID,)
    assert np.isfinite(found.scores).all()


def test_fewer_hypotheses_than_wanted_are_counted():
    model = toy.ToyModel(1)
    found = run(model, [1], make_options(5), num_best=5)
    assert found.counts[0] == 1
    assert tokens(found, 0, 0) == (config.END_ID,)
    assert (found.ids[0, 1:] == config.PAD_ID).all()
    assert (found.lengths[0, 1:] == 0).all()


@pytest.mark.parametrize("beam_size", [1, 3])
@pytest.mark.parametrize("coverage", [0.0, 0.5])
def test_rows_of_limit_zero_are_empty(beam_size, coverage):
    model = toy.ToyModel(2)
    options = make_options(beam_size, coverage=coverage)
    found = run(model, [0, 5], options, 1)
    assert found.scores[0, 0] == 0
    assert (found.scores[1, 0] < 0) & (found.scores[1, 0] > -1e3)
    assert found.lengths[0, 0] == 0
    assert found.counts[0] == 1
    assert not found.truncated[0].any()
    assert found.lengths[1, 0] > 0


@pytest.mark.parametrize("beam_size", [1, 3])
@pytest.mark.parametrize("coverage", [0.0, 0.5])
def test_batch_may_be_empty(beam_size, coverage):
    options = make_options(beam_size, coverage=coverage)
    found = run(toy.ToyModel(2), [], options, beam_size, [])
    assert found.ids.shape == (0, beam_size, 0)
    assert found.counts.shape == (0,)


def test_search_stops_when_nothing_better_can_come():
    model = toy.ToyModel(1)
    model.logits[:, :, :, config.END_ID] = 30.0
    steps = []
    space = model.space([toy.STEPS], 2)

    def step_fn(ids, position, state, context):
        steps.append(int(position))
        return space.step_fn(ids, position, state, context)

    counted = space._replace(step_fn=step_fn)
    beam_search.beam_search(counted, make_options(2, alpha=0.0), num_best=1)
    assert steps == [0]


def test_coverage_penalty_changes_scores_only_by_its_term():
    model = toy.ToyModel(1, seed=8)
    options = make_options(1, coverage=0.7)
    plain = dataclasses.replace(options, coverage_penalty=0.0)
    found = run(model, [8], options)
    ids = tokens(found, 0, 0)
    _, coverage = model.rescore(0, ids)
    term = 0.7 * np.log(np.minimum(coverage, 1)).sum()
    assert found.scores[0, 0] == pytest.approx(
        model.score(0, ids, plain) + term, abs=4e-6
    )
