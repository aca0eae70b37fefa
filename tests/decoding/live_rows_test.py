"""Rows that are done drop out, and nothing else changes."""

import dataclasses

import numpy as np
import pytest

from shared_transformer_tf import config
from shared_transformer_tf.decoding import beam_search
from tests.decoding import toy

ROWS = 24
LIMITS = [1 + row % 11 for row in range(ROWS)]


def options(beam_size):
    return config.DecodingConfig(beam_size=beam_size, alpha=0.6)


def counted(space):
    """Returns a space that notes the rows of each step."""
    sizes = []

    def step_fn(ids, position, state, context):
        sizes.append(ids.shape[0])
        return space.step_fn(ids, position, state, context)

    return space._replace(step_fn=step_fn), sizes


@pytest.mark.parametrize("beam_size", [1, 3])
def test_steps_are_taken_for_fewer_and_fewer_rows(beam_size):
    model = toy.ToyModel(ROWS)
    model.logits[..., config.END_ID] = -30.0  # every row goes to its limit
    space, sizes = counted(model.space(LIMITS, beam_size))
    beam_search.beam_search(space, options(beam_size))
    assert sizes[0] == ROWS
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < ROWS / 2
    for position, size in enumerate(sizes):  # half of them live at least
        living = sum(limit > position for limit in LIMITS)
        assert living > size // 2 or size <= 8


@pytest.mark.parametrize("beam_size", [1, 3])
@pytest.mark.parametrize("coverage", [0.0, 0.4])
def test_every_row_is_as_it_is_alone(beam_size, coverage):
    model = toy.ToyModel(ROWS, seed=3)
    given = dataclasses.replace(options(beam_size), coverage_penalty=coverage)
    limits = [0, *LIMITS[1:]]
    together = beam_search.beam_search(
        model.space(limits, beam_size), given, beam_size
    )
    for row in range(ROWS):
        alone = beam_search.beam_search(
            model.space(limits[row : row + 1], beam_size, [row]),
            given,
            beam_size,
        )
        width = alone.ids.shape[2]
        np.testing.assert_array_equal(
            together.ids[row, :, :width], alone.ids[0]
        )
        assert not together.ids[row, :, width:].numpy().any()
        for name in ("scores", "log_probabilities"):
            np.testing.assert_allclose(
                getattr(together, name)[row], getattr(alone, name)[0], rtol=1e-6
            )
        for name in ("lengths", "truncated", "counts"):
            np.testing.assert_array_equal(
                getattr(together, name)[row], getattr(alone, name)[0]
            )
