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


@pytest.mark.parametrize("words", [8000, 32000])
@pytest.mark.parametrize("spread", [0.0, 0.1, 3.0])
def test_float16_is_close_to_float32_whatever_the_vocabulary(words, spread):
    random = np.random.default_rng(1)
    logits = (spread * random.normal(size=(9, words))).astype("float16")
    order = np.argsort(logits[:, 1:], axis=-1) + 1  # 0 is padding
    ranks = np.linspace(0, words - 2, 9).astype(int)  # the unlikeliest first
    targets = order[np.arange(9), ranks][np.newaxis]
    value = losses.projected_token_losses(
        tf.eye(9, dtype=tf.float16)[tf.newaxis],
        tf.constant(logits.T),
        targets,
        0.0,
    )
    expected = losses.token_losses(
        tf.constant(logits[np.newaxis].astype("float32")), targets, 0.0
    )
    if spread == 3.0:
        assert np.max(expected) > 20  # a probability that is 0 in float16
    np.testing.assert_allclose(value, expected, atol=2e-3)


@pytest.mark.parametrize("static_shapes", [False, True])
def test_float16_makes_no_wide_tensor_over_the_vocabulary(static_shapes):
    words = 8009

    @tf.function(autograph=False)
    def step(hidden, kernel):
        with tf.GradientTape() as tape:
            tape.watch([hidden, kernel])
            value = losses.projected_token_losses(
                hidden, kernel, TARGETS, 0.1, static_shapes
            )
        return tape.gradient(value, [hidden, kernel])

    graph = step.get_concrete_function(
        tf.TensorSpec([2, 4, HIDDEN], tf.float16),
        tf.TensorSpec([words, HIDDEN], tf.float16),
    ).graph.as_graph_def(add_shapes=True)
    seen = set()
    for nodes in (graph.node, *(f.node_def for f in graph.library.function)):
        for node in nodes:
            for shape in node.attr["_output_shapes"].list.shape:
                sizes = [size.size for size in shape.dim]
                if len(sizes) > 1 and sizes[-1] == words:
                    types = [
                        node.attr[name].type
                        for name in ("T", "DstT", "dtype")
                        if name in node.attr
                    ]
                    assert set(types) == {tf.float16.as_datatype_enum}, node
                    seen.add(node.op)
    assert {"MatMul", "Softmax"} <= seen


def test_padding_has_no_loss_whatever_its_logits_are(tensors):
    hidden, kernel, upstream = tensors
    logits = tf.einsum("bth,wh->btw", hidden, kernel)
    padding = (TARGETS == 0)[..., np.newaxis]
    results = [
        value_and_gradients(
            lambda z: losses.token_losses(z, TARGETS, 0.1),
            (tf.where(padding, there, logits),),
            upstream,
        )
        for there in (0.0, np.nan, np.inf)
    ]
    for value, gradient in results:
        np.testing.assert_array_equal(value, results[0][0])
        np.testing.assert_array_equal(gradient, results[0][1])


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
