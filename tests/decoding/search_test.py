"""A model as a search space, and the limits of its rows."""

import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf import config
from shared_transformer_tf.decoding import beam_search, hypotheses, search
from shared_transformer_tf.models.transformer import SharedTransformer
from tests.layers import random_weights

VOCABULARY, HIDDEN, MAXIMUM = 20, 8, 9
SOURCES = np.array(
    [[5, 6, 7, 3], [8, 3, 0, 0], [3, 0, 0, 0], [9, 10, 3, 0]], "int32"
)


def make_model():
    made = SharedTransformer(
        VOCABULARY,
        num_layers=2,
        sharing="universal",
        hidden_dim=HIDDEN,
        num_heads=2,
        intermediate_dim=12,
        tied_embeddings="none",
    )
    # so that translations differ and some end before their limit
    return random_weights.fill(made, seed=18, scale=0.5)


@pytest.fixture(scope="module")
def model():
    return make_model()


def limits(factor, offset, maximum=MAXIMUM, sources=SOURCES):
    options = config.DecodingConfig(
        max_length_factor=factor, max_length_offset=offset
    )
    found = search.row_limits(tf.constant(sources), options, maximum)
    assert found.dtype == tf.int32
    return found.numpy().tolist()


def run(model, sources=SOURCES, num_best=1, maximum=MAXIMUM, **options):
    options = config.DecodingConfig(**{"beam_size": 3} | options)
    found = search.search(
        model, tf.constant(sources), options, maximum, num_best
    )
    return hypotheses.Hypotheses(*(result.numpy() for result in found))


def tokens(found, row, rank=0):
    return found.ids[row, rank, : found.lengths[row, rank]].tolist()


def test_limits_are_factor_times_tokens_plus_offset():
    # three, one, no and two tokens before the end symbol
    assert limits(1.0, 2) == [5, 3, 0, 4]
    assert limits(2.0, 1) == [7, 3, 0, 5]
    assert limits(1.5, 0) == [4, 1, 0, 3]  # 4.5 and 1.5, rounded down


@pytest.mark.parametrize(("factor", "offset"), [(1e9, 0), (1.0, 3 * 10**9)])
def test_a_limit_beyond_every_number_is_the_maximum(factor, offset):
    assert limits(factor, offset) == [MAXIMUM, MAXIMUM, 0, MAXIMUM]


def test_limits_lie_between_one_and_the_maximum():
    assert limits(5.0, 5) == [MAXIMUM, MAXIMUM, 0, MAXIMUM]
    assert limits(0.0, 0) == [1, 1, 0, 1]
    assert limits(1.0, -2) == [1, 1, 0, 1]
    assert limits(1.0, 2, maximum=4) == [4, 3, 0, 4]


def test_sources_without_tokens_get_no_limit():
    empty = np.array([[3, 0], [0, 0]], "int32")
    assert limits(3.0, 7, sources=empty) == [0, 0]
    assert limits(3.0, 7, sources=empty[:, :0]) == [0, 0]
    assert limits(3.0, 7, sources=empty[:0]) == []


def test_padding_columns_do_not_change_limits():
    wider = np.pad(SOURCES, [(0, 0), (0, 3)])
    assert limits(1.0, 2, sources=wider) == limits(1.0, 2)


def test_a_step_of_the_space_is_the_model(model):
    num_beams = 2
    space = search.search_space(
        model, tf.constant(SOURCES), num_beams, tf.constant([4] * 4), 8
    )
    np.testing.assert_array_equal(space.source_mask, SOURCES != config.PAD_ID)
    target_in = np.array([[[2, 9, 10], [2, 11, 12]]] * 4, "int32")
    state = space.state
    for position in range(3):
        logits, attention, state = space.step_fn(
            target_in[:, :, position], position, state, space.context
        )
        assert logits.shape == (4, num_beams, VOCABULARY)
        assert attention.shape == (4, num_beams, SOURCES.shape[1])
        for beam in range(num_beams):
            whole = model((SOURCES, target_in[:, beam]))[:, position]
            np.testing.assert_allclose(logits[:, beam], whole, atol=2e-5)
        hidden = np.broadcast_to(
            ~space.source_mask.numpy()[:, np.newaxis], attention.shape
        )
        assert (attention.numpy()[hidden] == 0).all()


@pytest.mark.parametrize("beam_size", [1, 3])
def test_search_is_the_beam_over_that_space(model, beam_size):
    options = config.DecodingConfig(beam_size=beam_size)
    ids = tf.constant(SOURCES)
    row_limits = search.row_limits(ids, options, MAXIMUM)
    space = search.search_space(model, ids, beam_size, row_limits, MAXIMUM)
    expected = beam_search.beam_search(space, options, beam_size)
    found = run(model, num_best=beam_size, beam_size=beam_size)
    for ours, own in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, own)


def test_results_stay_within_their_limits(model):
    found = run(model, max_length_factor=1.0, max_length_offset=1)
    assert (found.lengths[:, 0] <= [4, 2, 0, 3]).all()
    assert found.lengths[2, 0] == 0
    assert not found.ids[2].any()
    assert (found.lengths[[0, 1, 3], 0] > 0).all()


@pytest.mark.parametrize("coverage", [0.0, 0.4])
def test_neither_batch_nor_padding_changes_a_translation(model, coverage):
    together = run(model, coverage_penalty=coverage)
    wider = run(
        model,
        np.pad(SOURCES, [(0, 1), (0, 3)]),
        coverage_penalty=coverage,
    )
    for row, ids in enumerate(SOURCES):
        length = np.count_nonzero(ids)
        alone = run(model, ids[np.newaxis, :length], coverage_penalty=coverage)
        for found in (together, wider):
            assert tokens(found, row) == tokens(alone, 0)
            assert found.scores[row, 0] == pytest.approx(
                alone.scores[0, 0], abs=1e-4
            )
    assert len({tuple(tokens(together, row)) for row in (0, 1, 3)}) == 3
    assert set(together.truncated[:, 0]) == {True, False}


@pytest.mark.parametrize("beam_size", [1, 3])
def test_the_batch_may_be_empty(model, beam_size):
    found = run(model, SOURCES[:0], beam_size=beam_size)
    assert found.ids.shape == (0, 1, 0)
    assert found.counts.shape == (0,)
