"""Fused losses equal the plain ones, in value and in gradient."""

import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf.training import losses

TARGETS = np.array([[3, 1, 0, 0], [4, 4, 2, 0]], "int32")
WORDS, HIDDEN = 6, 5


def plain(logits, smoothing):
    wanted = tf.one_hot(TARGETS, WORDS) * (1 - smoothing) + smoothing / WORDS
    values = -tf.reduce_sum(wanted * tf.nn.log_softmax(logits), axis=-1)
    return values * tf.cast(TARGETS != 0, tf.float32)


@pytest.fixture
def tensors():
    random = np.random.default_rng(0)
    hidden = random.normal(size=(2, 4, HIDDEN)).astype("float32")
    kernel = random.normal(size=(WORDS, HIDDEN)).astype("float32")
    upstream = random.normal(size=(2, 4)).astype("float32")
    return tf.constant(hidden), tf.constant(kernel), upstream


def value_and_gradients(function, variables, upstream):
    with tf.GradientTape() as tape:
        for variable in variables:
            tape.watch(variable)
        value = function(*variables)
        total = tf.reduce_sum(value * upstream)
    return [value, *tape.gradient(total, variables)]


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
def test_projected_losses(tensors, smoothing):
    hidden, kernel, upstream = tensors
    fused = value_and_gradients(
        lambda h, k: losses.projected_token_losses(h, k, TARGETS, smoothing),
        (hidden, kernel),
        upstream,
    )
    expected = value_and_gradients(
        lambda h, k: plain(tf.einsum("bth,wh->btw", h, k), smoothing),
        (hidden, kernel),
        upstream,
    )
    for ours, theirs in zip(fused, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_losses_from_logits(tensors, smoothing):
    hidden, kernel, upstream = tensors
    logits = tf.einsum("bth,wh->btw", hidden, kernel)
    fused = value_and_gradients(
        lambda z: losses.token_losses(z, TARGETS, smoothing),
        (logits,),
        upstream,
    )
    expected = value_and_gradients(
        lambda z: plain(z, smoothing), (logits,), upstream
    )
    for ours, theirs in zip(fused, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_large_logits_stay_finite(tensors):
    hidden, kernel, _ = tensors
    fused = losses.projected_token_losses(1e4 * hidden, kernel, TARGETS, 0.1)
    assert np.isfinite(fused).all()


def test_a_batch_of_padding_has_no_loss(tensors):
    hidden, kernel, upstream = tensors
    value, *gradients = value_and_gradients(
        lambda h, k: losses.projected_token_losses(
            h, k, np.zeros_like(TARGETS), 0.1
        ),
        (hidden, kernel),
        upstream,
    )
    assert np.abs(value).max() == 0
    assert all(np.abs(gradient).max() == 0 for gradient in gradients)


@pytest.mark.parametrize("margin", [15.0, 16.5, 17.0, 17.5])
def test_small_probabilities_lose_no_digits_in_float16(margin):
    hidden = tf.constant([[[1.0]]], tf.float16)
    kernel = tf.constant([[0.0], [margin]], tf.float16)
    targets = tf.constant([[1]])
    rows = tf.concat([kernel[1:], kernel[:1]], 0)  # the right one is unlikely
    loss = losses.projected_token_losses(hidden, rows, targets, 0.0)
    np.testing.assert_allclose(loss, [[margin]], atol=1e-3)


def test_bfloat16_gradients_are_close(tensors):
    hidden, kernel, upstream = tensors

    def run(dtype):
        return value_and_gradients(
            lambda h, k: losses.projected_token_losses(h, k, TARGETS, 0.1),
            (tf.cast(hidden, dtype), tf.cast(kernel, dtype)),
            upstream,
        )

    for half, single in zip(run(tf.bfloat16), run(tf.float32), strict=True):
        half = tf.cast(half, tf.float32)
        assert np.linalg.norm(half - single) < 0.03 * np.linalg.norm(single)
