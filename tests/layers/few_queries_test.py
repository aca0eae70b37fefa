"""Attention of few queries is attention."""

import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf.layers import few_queries
from shared_transformer_tf.layers.masking import MASKED
from tests.layers.random_weights import normal

# of the largest value, by precision
TOLERANCES = {"float64": 1e-12, "float32": 1e-5, "bfloat16": 2e-2}
TOLERANCES["float16"] = 2e-3


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("masked", [False, True])
def test_is_softmax_of_products_in_every_precision(dtype, masked):
    query, key, value = (
        tf.cast(normal(2, 3, length, 4, seed=length), dtype)
        for length in (2, 5, 5)
    )
    bias = np.zeros((2, 1, 1, 5))
    bias[:, :, :, 3:] = MASKED if masked else 0
    bias = tf.maximum(tf.constant(bias), tf.as_dtype(dtype).min)
    mixed, weights = few_queries.attend(
        query, key, value, tf.cast(bias, dtype) if masked else None
    )
    query, key, value = (
        x.numpy().astype("float64") for x in (query, key, value)
    )
    scores = query @ key.transpose(0, 1, 3, 2) + bias.numpy()
    expected = np.exp(scores - scores.max(-1, keepdims=True))
    expected /= expected.sum(-1, keepdims=True)
    atol = TOLERANCES[dtype]
    assert mixed.dtype == weights.dtype == dtype
    np.testing.assert_allclose(
        tf.cast(weights, tf.float64), expected, atol=atol
    )
    np.testing.assert_allclose(
        tf.cast(mixed, tf.float64), expected @ value, atol=4 * atol
    )
    if masked:
        assert not tf.reduce_any(weights[..., 3:] != 0)


def test_large_scores_do_not_overflow():
    query = tf.constant(normal(1, 1, 1, 4)) * 1e4
    key = tf.constant(normal(1, 1, 3, 4, seed=1))
    _, weights = few_queries.attend(query, key, key)
    assert np.isfinite(weights).all()
    assert tf.reduce_sum(weights) == 1
