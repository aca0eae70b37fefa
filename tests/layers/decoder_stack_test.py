"""A decoder's stack: position by position it is the whole pass."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf.layers.decoder_stack import DecoderStack
from shared_transformer_tf.layers.masking import padding_bias
from tests.layers import random_weights
from tests.layers.random_weights import normal

HIDDEN, HEADS, LENGTH = 8, 2, 4
MEMORY = normal(2, 5, HIDDEN, seed=9)
MEMORY_MASK = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], bool)

each_plan = pytest.mark.parametrize(
    ("plan", "options"),
    [
        ((4, None, "none"), {}),
        ((4, None, "universal"), {}),
        ((4, 2, "sequence"), {}),
        ((4, 2, "cycle"), {}),
        ((4, 2, "cycle_rev"), {}),
        ((4, 3, "sandwich"), {}),
        ((4, None, "0 1 1 0"), {}),
        ((4, None, "universal"), {"normalization": "post"}),
        ((4, None, "universal"), {"depth_embedding": True}),
        ((4, 3, "universal"), {"unshared_first": 1, "unshared_last": 1}),
        ((3, None, "universal"), {"shared_sublayers": "cross_attention"}),
        ((3, None, "universal"), {"shared_sublayers": "feed_forward"}),
    ],
    ids=str,
)


def make(plan=(4, 2, "cycle"), **options):
    stack = DecoderStack(*plan, num_heads=HEADS, intermediate_dim=12, **options)
    stack.build((None, None, HIDDEN))
    return random_weights.fill(stack)


def memory_bias():
    return padding_bias(tf.constant(MEMORY_MASK), "float32")


def start(stack, num_beams=1):
    return stack.empty_state(2, num_beams, HIDDEN)


@each_plan
def test_steps_equal_the_whole_sequence(plan, options):
    stack = make(plan, **options)
    x = normal(2, LENGTH, HIDDEN)
    whole = stack(x, memory=MEMORY, memory_bias=memory_bias()).numpy()
    keys_values = stack.project_memory(tf.constant(MEMORY))
    state = start(stack)
    for position in range(LENGTH):
        step = tf.constant(x[:, position])
        y, state, _ = stack.decode(step, state, keys_values, memory_bias())
        np.testing.assert_allclose(y, whole[:, position], atol=2e-5)
    assert len(state.caches) == stack.num_layers
    for cache in state.caches:
        assert [part.shape[2] for part in cache] == [LENGTH, LENGTH]


@each_plan
def test_memory_is_projected_once_for_each_unique_attention(plan, options):
    stack = make(plan, **options)
    projected = stack.project_memory(tf.constant(MEMORY))
    unique = stack.plan.num_objects("cross_attention")
    assert len(projected) == unique == len(stack.cross_attentions)
    for attention, pair in zip(stack.cross_attentions, projected, strict=True):
        for ours, own in zip(
            pair, attention.project_memory(MEMORY), strict=True
        ):
            assert ours.shape == (2, HEADS, 5, HIDDEN // HEADS)
            np.testing.assert_array_equal(ours, own)


def test_beams_do_not_mix():
    stack = make()
    x = normal(2, 3, 2, HIDDEN)  # (batch, beams, steps, hidden)
    keys_values = stack.project_memory(tf.constant(MEMORY))

    def run(x):
        state = start(stack, x.shape[1])
        for position in range(2):
            y, state, attention = stack.decode(
                tf.constant(x[:, :, position].reshape(-1, HIDDEN)),
                state,
                keys_values,
                memory_bias(),
            )
        return y.numpy().reshape(2, -1, HIDDEN), attention

    together, attention = run(x)
    for beam in range(3):
        alone, own = run(x[:, beam : beam + 1])
        np.testing.assert_allclose(together[:, beam], alone[:, 0], atol=1e-5)
        np.testing.assert_allclose(
            attention[:, :, beam], own[:, :, 0], atol=1e-5
        )


def first_attention(stack):
    _, _, attention = stack.decode(
        tf.constant(normal(2, HIDDEN)),
        start(stack),
        stack.project_memory(tf.constant(MEMORY)),
        memory_bias(),
    )
    return attention.numpy()[:, :, 0]


def test_returned_attention_is_a_distribution_over_tokens():
    attention = first_attention(make())
    assert attention.shape == (2, HEADS, 5)
    np.testing.assert_allclose(attention.sum(-1), 1, rtol=1e-5)
    assert (attention[0, :, 3:] == 0).all()


def test_returned_attention_is_that_of_the_last_depth():
    stack = make((3, 2, "0 0 1"))
    uniform = MEMORY_MASK / MEMORY_MASK.sum(-1, keepdims=True)
    uniform = np.broadcast_to(uniform[:, np.newaxis], (2, HEADS, 5))
    for block, is_last in ((0, False), (1, True)):
        attention = stack.cross_attentions[block]
        kept = attention.query_kernel.numpy(), attention.query_bias.numpy()
        attention.query_kernel.assign(np.zeros_like(kept[0]))
        attention.query_bias.assign(np.zeros_like(kept[1]))
        same = np.allclose(first_attention(stack), uniform, atol=1e-6)
        assert same == is_last
        attention.query_kernel.assign(kept[0])
        attention.query_bias.assign(kept[1])


def test_decoding_never_drops():
    plain = make()
    dropping = make(dropout=0.5, attention_dropout=0.5, activation_dropout=0.5)
    step = tf.constant(normal(2, HIDDEN))
    outputs = [
        stack.decode(
            step,
            start(stack),
            stack.project_memory(tf.constant(MEMORY)),
            memory_bias(),
        )[0]
        for stack in (plain, dropping)
    ]
    np.testing.assert_array_equal(*outputs)


def test_is_a_decoder_whatever_it_is_told():
    stack = make(decoder=False)
    assert stack.decoder
    assert stack.causal
    assert len(stack.cross_attentions) == 2


def test_config_round_trip():
    stack = make(dropout=0.1, normalization="post", name="decoder")
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(stack)
    )
    assert type(again) is DecoderStack
    assert again.get_config() == stack.get_config()
    random_weights.fill(again)
    x = normal(2, LENGTH, HIDDEN)
    np.testing.assert_array_equal(
        again(x, memory=MEMORY), stack(x, memory=MEMORY)
    )
