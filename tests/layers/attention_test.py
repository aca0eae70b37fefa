"""Attention: Keras' own formula, masks, caches and dropout."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf.layers.attention import (
    CrossAttention,
    SelfAttention,
)
from shared_transformer_tf.layers.decoding_state import empty_state
from shared_transformer_tf.layers.masking import causal_bias, padding_bias
from tests.layers import random_weights
from tests.layers.random_weights import normal

HIDDEN = 8
MASK = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], bool)

each_kind = pytest.mark.parametrize("kind", [SelfAttention, CrossAttention])
each_heads = pytest.mark.parametrize("num_heads", [1, 2, 8])


def make(kind=SelfAttention, num_heads=2, seed=0, **options):
    layer = kind(num_heads, **options)
    layer.build((None, None, HIDDEN))
    return random_weights.fill(layer, seed, scale=0.5)


def run(layer, x, **options):
    """Calls either kind; cross-attention takes `x` as its memory too."""
    if isinstance(layer, CrossAttention):
        return layer(x, x, **options)
    return layer(x, **options)


def keras_attention(layer):
    """Returns Keras' multi-head attention holding the same weights."""
    kernels = np.split(layer.kernel.numpy(), layer.kernel.shape[1] // HIDDEN, 1)
    biases = np.split(layer.bias.numpy(), len(kernels))
    if isinstance(layer, CrossAttention):
        kernels.insert(0, layer.query_kernel.numpy())
        biases.insert(0, layer.query_bias.numpy())
    heads = (layer.num_heads, HIDDEN // layer.num_heads)
    reference = keras.layers.MultiHeadAttention(*heads)
    reference.build((None, None, HIDDEN), (None, None, HIDDEN))
    weights = []
    for kernel, bias in zip(kernels, biases, strict=True):
        weights += [kernel.reshape(HIDDEN, *heads), bias.reshape(heads)]
    output = layer.output_kernel.numpy().reshape(*heads, HIDDEN)
    reference.set_weights([*weights, output, layer.output_bias.numpy()])
    return reference


@each_heads
@pytest.mark.parametrize("causal", [False, True])
def test_self_attention_equals_that_of_keras(num_heads, causal):
    layer = make(SelfAttention, num_heads)
    x = normal(2, 5, HIDDEN)
    bias = padding_bias(tf.constant(MASK), "float32")
    if causal:
        bias += causal_bias(5, "float32")
    expected = keras_attention(layer)(
        x, x, attention_mask=MASK[:, np.newaxis], use_causal_mask=causal
    )
    np.testing.assert_allclose(layer(x, bias=bias), expected, atol=1e-5)


@each_heads
def test_cross_attention_equals_that_of_keras(num_heads):
    layer = make(CrossAttention, num_heads)
    x, memory = normal(2, 3, HIDDEN), normal(2, 5, HIDDEN, seed=1)
    reference = keras_attention(layer)
    plain = layer(x, memory)
    np.testing.assert_allclose(plain, reference(x, memory), atol=1e-5)
    bias = padding_bias(tf.constant(MASK), "float32")
    masked = reference(x, memory, attention_mask=MASK[:, np.newaxis])
    np.testing.assert_allclose(layer(x, memory, bias=bias), masked, atol=1e-5)
    assert not np.allclose(plain, masked)


@each_kind
def test_number_of_weights_is_four_projections(kind):
    assert make(kind).count_params() == 4 * HIDDEN * (HIDDEN + 1)


def test_causal_attention_never_sees_the_future():
    layer = make()
    x = tf.constant(normal(1, 5, HIDDEN))
    for position in range(5):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, bias=causal_bias(5, "float32"))
            loss = tf.reduce_sum(y[:, position] ** 2)
        felt = np.abs(tape.gradient(loss, x)[0]).max(-1)
        assert (felt[: position + 1] > 0).all()
        assert (felt[position + 1 :] == 0).all()


@each_kind
def test_masked_keys_have_no_influence(kind):
    layer = make(kind)
    bias = padding_bias(tf.constant(MASK), "float32")
    x = normal(2, 5, HIDDEN)
    changed = x.copy()
    changed[0, 3:] = 1e3
    before, after = (run(layer, v, bias=bias).numpy() for v in (x, changed))
    np.testing.assert_array_equal(before[MASK], after[MASK])
    alone = run(layer, x[:1, :3]).numpy()
    np.testing.assert_allclose(before[:1, :3], alone, atol=1e-5)
    assert not np.allclose(run(layer, x)[0], run(layer, changed)[0])


def test_without_a_mask_order_does_not_matter():
    order = [3, 0, 4, 1, 2]
    x, memory = normal(2, 5, HIDDEN), normal(2, 5, HIDDEN, seed=1)
    own = make(SelfAttention)
    np.testing.assert_allclose(
        own(x[:, order]), own(x).numpy()[:, order], atol=1e-5
    )
    cross = make(CrossAttention)
    np.testing.assert_allclose(
        cross(x, memory[:, order]), cross(x, memory), atol=1e-5
    )


def test_decoding_step_by_step_equals_the_whole_sequence():
    layer = make()
    x = normal(2, 3, 6, HIDDEN)  # (batch, beams, length, hidden)
    flat = x.reshape(6, 6, HIDDEN)
    whole = layer(flat, bias=causal_bias(6, "float32")).numpy()
    state = empty_state(1, 2, 3, (2, HIDDEN // 2), "float32")
    cache = state.caches[0]
    for position in range(6):
        state = state.with_new_position()
        step = x[:, :, position].reshape(6, HIDDEN)
        y, cache = layer.decode(step, cache, state.bias("float32"), 3)
        past = 3 * (position + 1)
        assert cache[0].shape == cache[1].shape == (2, 2, past, 4)
        np.testing.assert_allclose(y, whole[:, position], atol=1e-5)


def test_projected_memory_and_decode_are_the_call():
    layer = make(CrossAttention)
    x, memory = normal(2, 3, HIDDEN), normal(2, 5, HIDDEN, seed=1)
    bias = padding_bias(tf.constant(MASK), "float32")
    keys_values = layer.project_memory(tf.constant(memory))
    assert [part.shape for part in keys_values] == [(2, 2, 5, HIDDEN // 2)] * 2
    y, weights = layer.decode(x.reshape(6, HIDDEN), keys_values, bias, 3)
    y = y.numpy().reshape(2, 3, HIDDEN)
    np.testing.assert_allclose(y, layer(x, memory, bias=bias), atol=1e-5)
    assert weights.shape == (2, 2, 3, 5)
    np.testing.assert_allclose(tf.reduce_sum(weights, -1), 1.0, rtol=1e-5)
    assert (weights.numpy()[0, :, :, 3:] == 0).all()
    for query in range(3):  # beams on the query axis do not mix
        alone, _ = layer.decode(x[:, query], keys_values, bias, 1)
        np.testing.assert_allclose(y[:, query], alone, atol=1e-5)


@each_kind
def test_every_weight_gets_a_gradient(kind):
    layer = make(kind)
    x = normal(2, 5, HIDDEN)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(run(layer, x)))
    for weight, gradient in zip(
        layer.trainable_weights,
        tape.gradient(loss, [w.value for w in layer.trainable_weights]),
        strict=True,
    ):
        assert np.abs(gradient).max() > 1e-3, weight.path


@each_kind
def test_dropout_is_a_function_of_the_seed(kind):
    layer, plain = make(kind, dropout=0.5), make(kind)
    x = normal(2, 5, HIDDEN)
    first, again, other = (
        run(layer, x, seed=tf.constant([seed, 0])).numpy() for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    np.testing.assert_array_equal(run(layer, x), run(plain, x))


@each_kind
def test_dropout_keeps_the_expectation(kind):
    layer = make(kind, dropout=0.3)
    x = np.repeat(normal(1, 3, HIDDEN), 5000, axis=0)
    dropped = run(layer, x, seed=tf.constant([3, 4])).numpy()
    error = dropped.std(0) / np.sqrt(len(dropped))
    assert (error > 0).all()
    off = np.abs(dropped.mean(0) - run(layer, x[:1]).numpy()[0])
    assert (off < 5 * error).all()


def test_returned_weights_are_those_before_dropout():
    layer = make(CrossAttention, dropout=0.5)
    memory = normal(2, 5, HIDDEN, seed=1)
    key, value = layer.project_memory(tf.constant(memory))
    query = tf.constant(normal(2, 2, 3, HIDDEN // 2))
    plain, weights = layer.attend(query, key, value)
    dropped, same = layer.attend(query, key, value, seed=tf.constant([1, 0]))
    np.testing.assert_array_equal(weights, same)
    assert not np.allclose(plain, dropped)


@each_kind
def test_bfloat16_computes_low_and_keeps_weights_high(kind):
    half, single = make(kind, dtype="mixed_bfloat16"), make(kind)
    x = normal(2, 5, HIDDEN)
    bias = padding_bias(tf.constant(MASK), "bfloat16")
    y = run(half, x, bias=bias)
    assert y.dtype == tf.bfloat16
    assert {weight.dtype for weight in half.weights} == {"float32"}
    expected = run(single, x, bias=tf.cast(bias, tf.float32))
    np.testing.assert_allclose(tf.cast(y, tf.float32), expected, atol=0.1)


@pytest.mark.parametrize(
    ("kind", "name", "parts"),
    [
        (SelfAttention, "kernel", [0.5, 0.5, 0.05]),
        (CrossAttention, "query_kernel", [0.5]),
        (CrossAttention, "kernel", [0.5, 0.05]),
        (SelfAttention, "output_kernel", [0.1]),
        (CrossAttention, "output_kernel", [0.1]),
    ],
)
def test_gains_scale_what_they_are_said_to(kind, name, parts):
    layer = kind(2, initial_gain=0.1, attention_gain=0.5)
    layer.build((None, None, 64))
    limit = np.sqrt(6 / 128)
    kernel = np.split(getattr(layer, name).numpy(), len(parts), axis=1)
    highest = [np.abs(part).max() / limit for part in kernel]
    np.testing.assert_allclose(highest, parts, rtol=0.02)


@each_kind
def test_config_round_trip(kind):
    layer = make(
        kind, 4, dropout=0.2, initial_gain=0.5, attention_gain=0.7, name="b"
    )
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert type(again) is kind
    assert again.get_config() == layer.get_config()
    x = normal(2, 5, HIDDEN)
    random_weights.fill(again, scale=0.5)
    np.testing.assert_array_equal(run(again, x), run(layer, x))


@each_kind
def test_heads_must_divide_the_width(kind):
    with pytest.raises(ValueError, match="`num_heads`=3 does not divide.*8"):
        make(kind, 3)
