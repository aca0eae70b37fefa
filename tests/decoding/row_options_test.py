"""Rows may have their own beam size, alpha and limit."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf import config
from shared_transformer_tf.decoding import beam_search, search
from tests.decoding import toy
from tests.decoding.search_test import SOURCES, make_model

MOST = 4
KINDS = list(itertools.product([1, 2, 4], [0.0, 0.7, 1.5], [3, 9]))


def own_space(model, rows):
    beam_sizes, alphas, limits = zip(*(KINDS[row] for row in rows), strict=True)
    space = model.space(limits, max(beam_sizes), list(rows))
    return space._replace(
        beam_sizes=tf.constant(beam_sizes, tf.int32),
        alphas=tf.constant(alphas, tf.float32),
    )


@pytest.mark.parametrize("penalty", ["gnmt", "power"])
def test_a_row_gets_what_a_search_with_its_options_gives(penalty):
    model = toy.ToyModel(len(KINDS), seed=5)
    most = config.DecodingConfig(beam_size=MOST, length_penalty=penalty)
    together = beam_search.beam_search(
        own_space(model, range(len(KINDS))), most
    )
    for row, (beam_size, alpha, limit) in enumerate(KINDS):
        alone = beam_search.beam_search(
            model.space([limit], beam_size, [row]),
            config.DecodingConfig(
                beam_size=beam_size, alpha=alpha, length_penalty=penalty
            ),
        )
        width = alone.ids.shape[2]
        np.testing.assert_array_equal(
            together.ids[row, :, :width], alone.ids[0]
        )
        assert not together.ids[row, :, width:].numpy().any()
        np.testing.assert_allclose(
            together.scores[row], alone.scores[0], rtol=1e-5
        )
        assert together.truncated[row, 0] == alone.truncated[0, 0]


def test_beams_are_as_many_as_the_largest_row_wants():
    model = toy.ToyModel(len(KINDS))
    space = own_space(model, [0, 2, 6])
    beams = []

    def step_fn(ids, position, state, context):
        beams.append(ids.shape[1])
        return space.step_fn(ids, position, state, context)

    options = config.DecodingConfig(beam_size=MOST)
    beam_search.beam_search(space._replace(step_fn=step_fn), options)
    assert set(beams) == {max(KINDS[row][0] for row in (0, 2, 6))}


def test_search_by_row_is_search_with_the_rows_options():
    model = make_model()
    options = config.DecodingConfig(beam_size=MOST)
    rows = search.RowOptions(
        tf.constant([1, 4, 2, 3]),
        tf.constant([0.0, 1.0, 0.5, 1.2]),
        tf.constant([4, 8, 3, 12]),
    )
    run = tf.function(
        lambda ids, *rows: search.search_by_row(
            model, ids, options, 12, search.RowOptions(*rows)
        ),
        autograph=False,
    )
    together = run(tf.constant(SOURCES), *rows)
    for row in range(4):
        own = config.DecodingConfig(
            beam_size=int(rows.beam_sizes[row]), alpha=float(rows.alphas[row])
        )
        alone = search.search(
            model, SOURCES[row : row + 1], own, int(rows.max_lengths[row])
        )
        width = alone.ids.shape[2]
        np.testing.assert_array_equal(
            together.ids[row, :, :width], alone.ids[0]
        )
        np.testing.assert_allclose(
            together.scores[row], alone.scores[0], rtol=1e-4
        )


def test_no_rows():
    options = config.DecodingConfig(beam_size=MOST)
    model = toy.ToyModel(1)
    space = model.space([], 1, [])._replace(
        beam_sizes=tf.zeros([0], tf.int32), alphas=tf.zeros([0])
    )
    found = beam_search.beam_search(space, options)
    assert found.ids.shape == (0, 1, 0)
