"""Gathers of heads are the transpositions they stand for."""

import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf.layers import head_layout
from tests.layers.random_weights import normal

each_number = pytest.mark.parametrize("number", [1, 2, 5])


@each_number
@pytest.mark.parametrize("parts", [1, 3])
def test_by_head_is_a_transposition(number, parts):
    x = normal(3 * number, parts * 8)
    found = head_layout.by_head(tf.constant(x), number, 4, parts)
    expected = x.reshape(3, number, parts, 4, 2).transpose(2, 0, 3, 1, 4)
    np.testing.assert_array_equal(found, expected)


@each_number
def test_by_position_undoes_it(number):
    x = normal(3 * number, 8)
    (heads,) = head_layout.by_head(tf.constant(x), number, 4)
    np.testing.assert_array_equal(head_layout.by_position(heads), x)


def test_the_number_may_be_a_tensor():
    x = normal(6, 8)

    @tf.function(autograph=False)
    def run(number):
        (heads,) = head_layout.by_head(tf.constant(x), number, 2)
        return heads, head_layout.by_position(heads)

    heads, again = run(tf.constant(3))
    (expected,) = head_layout.by_head(tf.constant(x), 3, 2)
    np.testing.assert_array_equal(heads, expected)
    np.testing.assert_array_equal(again, x)


def test_split_heads_and_join_heads_are_inverse():
    x = tf.constant(normal(2, 5, 12))
    heads = head_layout.split_heads(x, 3)
    assert heads.shape == (2, 3, 5, 4)
    np.testing.assert_array_equal(heads[:, 1], x[:, :, 4:8])
    np.testing.assert_array_equal(head_layout.join_heads(heads), x)
