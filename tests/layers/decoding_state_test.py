"""Beams change places by what they see, not by moving caches."""

import numpy as np
import tensorflow as tf

from shared_transformer_tf.layers import decoding_state
from shared_transformer_tf.layers.masking import MASKED


def start(num_beams, batch=2):
    return decoding_state.empty_state(3, batch, num_beams, (4, 8), "float32")


def visible(state):
    """Returns which (past, beam) each beam sees, (batch, beams, past, beam)."""
    bias = state.bias(tf.float32).numpy()
    assert set(np.unique(bias)) <= {0.0, np.float32(MASKED)}
    past = state.origins.shape[2]
    shape = bias.shape[0], bias.shape[2], past, bias.shape[2]
    return bias.reshape(shape) == 0


def test_begins_empty_with_a_cache_for_each_depth():
    state = start(2)
    assert len(state.caches) == 3
    assert all(
        part.shape == (2, 4, 0, 8) for pair in state.caches for part in pair
    )
    assert state.origins.shape == (2, 2, 0)
    assert state.num_beams == 2


def test_a_beam_sees_its_own_new_position():
    seen = visible(start(3).with_new_position())
    np.testing.assert_array_equal(seen[:, :, 0], [np.eye(3, dtype=bool)] * 2)


def test_reordered_beams_see_what_their_parents_saw():
    state = start(2).with_new_position()
    state = state.reordered(tf.constant([[1, 1], [0, 0]])).with_new_position()
    seen = visible(state)
    assert seen[0, :, 0].tolist() == [[False, True], [False, True]]
    assert seen[1, :, 0].tolist() == [[True, False], [True, False]]
    for row in range(2):  # the new position is everyone's own
        np.testing.assert_array_equal(seen[row, :, 1], np.eye(2, dtype=bool))


def test_every_beam_sees_one_writer_at_each_position():
    generator = np.random.default_rng(0)
    state = start(4)
    for _ in range(5):
        state = state.with_new_position()
        parents = tf.constant(generator.integers(0, 4, (2, 4)), tf.int32)
        state = state.reordered(parents)
    assert (visible(state).sum(-1) == 1).all()


def test_a_single_beam_needs_no_mask():
    assert start(1).with_new_position().bias(tf.float32) is None


def test_the_number_of_beams_may_be_a_tensor():
    @tf.function(autograph=False)
    def run(num_beams):
        state = start(num_beams).with_new_position()
        assert state.origins.shape[1] is None
        return state.bias(tf.float32), state.num_beams

    bias, num_beams = run(tf.constant(3))
    assert num_beams == 3 and bias.shape == (2, 1, 3, 3)
    expected = start(3).with_new_position().bias(tf.float32)
    np.testing.assert_array_equal(bias, expected)
