"""Rows of a decoding step are normalised as whole sequences are."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf.layers.normalization import LayerNorm


@pytest.mark.parametrize(
    ("dtype", "error"), [("float32", 1e-5), ("mixed_bfloat16", 2e-2)]
)
def test_rows_get_what_sequences_get(dtype, error):
    norm = LayerNorm(epsilon=1e-6, dtype=dtype)
    x = 3 + 5 * np.random.default_rng(1).normal(size=[4, 6, 16])
    x = tf.constant(x, norm.compute_dtype)
    norm.build(x.shape)
    norm.gamma.assign(np.linspace(0.5, 2, 16))
    norm.beta.assign(np.linspace(-1, 1, 16))
    sequences = tf.cast(norm(x), tf.float32)
    rows = norm(tf.reshape(x, [24, 16]))
    assert rows.dtype == x.dtype
    rows = tf.reshape(tf.cast(rows, tf.float32), [4, 6, 16])
    np.testing.assert_allclose(rows, sequences, atol=error, rtol=error)


def test_it_is_keras_layer_norm_with_its_weights():
    norm, other = LayerNorm(), keras.layers.LayerNormalization()
    x = tf.random.stateless_normal([2, 3, 8], [1, 2])
    np.testing.assert_allclose(norm(x), other(x), atol=1e-6)
    assert [w.name for w in norm.weights] == [w.name for w in other.weights]
