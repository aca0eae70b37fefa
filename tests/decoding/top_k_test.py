import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf.decoding import top_k


@pytest.mark.parametrize("vocabulary", [6, 800, 1024, 1001])
@pytest.mark.parametrize("count", [1, 5, 6])
def test_equals_sorting(vocabulary, count):
    logits = np.random.default_rng(vocabulary).standard_normal(
        (3, 2, vocabulary)
    )
    logits[0, 0, :6] += 20  # all in one block
    values, indices = top_k.top_k(tf.constant(logits), count)
    expected = np.argsort(-logits, -1)[..., :count]
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(
        values, np.take_along_axis(logits, expected, -1)
    )


def test_equal_logits_give_distinct_indices():
    _, indices = top_k.top_k(tf.zeros([1, 1, 1000]), 8)
    assert len(set(indices.numpy().ravel())) == 8


def test_batch_may_be_empty():
    values, _ = top_k.top_k(tf.zeros([0, 2, 1000]), 3)
    assert values.shape == (0, 2, 3)
