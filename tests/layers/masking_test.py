"""Masks: what is hidden gets no attention, what is seen is untouched."""

import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf.layers import masking
from tests.layers import random_weights

MASK = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [0, 1, 0, 1]], bool)

each_dtype = pytest.mark.parametrize(
    "dtype", ["float32", "bfloat16", "float16"]
)


def attention(scores, bias):
    weights = tf.nn.softmax(tf.cast(scores, bias.dtype) + bias)
    return tf.cast(weights, tf.float32).numpy()


@each_dtype
def test_padding_is_hidden_and_tokens_are_untouched(dtype):
    bias = masking.padding_bias(tf.constant(MASK), dtype)
    assert bias.shape == (3, 1, 1, 4)
    assert bias.dtype == dtype
    values = tf.cast(bias, tf.float32).numpy()[:, 0, 0]
    assert (values[MASK] == 0).all()
    assert (values[~MASK] <= -29_000).all()
    assert np.isfinite(tf.cast(bias + bias, tf.float32)).all()


@each_dtype
def test_hidden_keys_get_exactly_nothing_whatever_their_score(dtype):
    scores = 10 * random_weights.normal(3, 2, 5, 4)
    scores[0, :, :, 2:] = 1e4
    weights = attention(scores, masking.padding_bias(tf.constant(MASK), dtype))
    for row, mask in enumerate(MASK):
        assert (weights[row][..., ~mask] == 0).all()
        alone = tf.nn.softmax(tf.cast(scores[row][..., mask], dtype))
        np.testing.assert_allclose(
            weights[row][..., mask], tf.cast(alone, tf.float32), atol=1e-2
        )


@each_dtype
def test_a_row_of_padding_stays_finite(dtype):
    padding = masking.padding_bias(tf.zeros([1, 4], tf.bool), dtype)
    weights = attention(
        random_weights.normal(1, 1, 4, 4),
        padding + masking.causal_bias(4, dtype),
    )
    assert np.isfinite(weights).all()
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=2e-2)


@each_dtype
@pytest.mark.parametrize("length", [0, 1, 5])
def test_causal_mask_is_the_lower_triangle(dtype, length):
    bias = masking.causal_bias(tf.constant(length), dtype)
    assert bias.shape == (length, length)
    assert bias.dtype == dtype
    visible = attention(np.zeros((1, 1, length, length)), bias)[0, 0] > 0
    np.testing.assert_array_equal(visible, np.tri(length, dtype=bool))


def test_both_masks_hide_what_either_hides():
    both = masking.padding_bias(tf.constant(MASK), "float32")
    both += masking.causal_bias(4, "float32")
    visible = attention(np.zeros((3, 1, 4, 4)), both)[:, 0] > 0
    expected = MASK[:, np.newaxis] & np.tri(4, dtype=bool)
    some = expected.any(-1)  # a query that sees nothing takes the mean
    np.testing.assert_array_equal(visible[some], expected[some])


def test_lengths_may_be_unknown_in_a_graph():
    signature = [tf.TensorSpec([None, None], tf.bool)]

    @tf.function(input_signature=signature, autograph=False)
    def biases(mask):
        length = tf.shape(mask)[1]
        return (
            masking.padding_bias(mask, "float32"),
            masking.causal_bias(length, "float32"),
        )

    padding, causal = biases(tf.constant(MASK))
    np.testing.assert_array_equal(
        padding, masking.padding_bias(tf.constant(MASK), "float32")
    )
    np.testing.assert_array_equal(causal, masking.causal_bias(4, "float32"))
