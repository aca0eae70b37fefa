"""One depth: residual formula, order, dropout sites, steps from a cache."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf.layers.attention import (
    CrossAttention,
    SelfAttention,
)
from shared_transformer_tf.layers.feed_forward import FeedForward
from shared_transformer_tf.layers.masking import causal_bias, padding_bias
from shared_transformer_tf.layers.transformer_layer import (
    SITES,
    TransformerLayer,
)
from tests.layers import random_weights
from tests.layers.random_weights import normal

HIDDEN, HEADS = 8, 2
KINDS = ("self_attention", "cross_attention", "feed_forward")
SCALES = {"self_attention": 0.5, "cross_attention": 2.0, "feed_forward": 0.25}
MEMORY = normal(2, 4, HIDDEN, seed=9)
MEMORY_MASK = np.array([[1, 1, 0, 0], [1, 1, 1, 1]], bool)

each_order = pytest.mark.parametrize("pre_norm", [True, False])
each_stack = pytest.mark.parametrize("decoder", [True, False])


def built(layer, seed):
    layer.build((None, None, HIDDEN))
    return random_weights.fill(layer, seed)


def make(decoder=True, **changes):
    values = {
        "self_attention": built(SelfAttention(HEADS), 0),
        "cross_attention": built(CrossAttention(HEADS), 1) if decoder else None,
        "feed_forward": built(FeedForward(12), 2),
        "norms": {
            kind: built(keras.layers.LayerNormalization(epsilon=1e-6), seed)
            for seed, kind in enumerate(KINDS, 3)
        },
        "branch_scales": dict.fromkeys(KINDS, 1.0),
        "skip_scale": 1.0,
        "pre_norm": True,
        "dropout": 0.0,
    }
    return TransformerLayer(**values | changes)


def bias(length=5):
    return causal_bias(length, "float32")


def memory_bias():
    return padding_bias(tf.constant(MEMORY_MASK), "float32")


def call(layer, x, **options):
    return layer(
        x, bias(x.shape[1]), memory=MEMORY, memory_bias=memory_bias(), **options
    )


def by_hand(layer, x):
    """Applies the formula, sublayer after sublayer."""
    sublayers = {
        "self_attention": lambda y: layer.self_attention(y, bias=bias()),
        "cross_attention": lambda y: layer.cross_attention(
            y, MEMORY, bias=memory_bias()
        ),
        "feed_forward": layer.feed_forward,
    }
    if layer.cross_attention is None:
        del sublayers["cross_attention"]
    for kind, sublayer in sublayers.items():
        norm, scale = layer.norms[kind], layer.branch_scales[kind]
        if layer.pre_norm:
            x = layer.skip_scale * x + scale * sublayer(norm(x))
        else:
            x = norm(layer.skip_scale * x + scale * sublayer(x))
    return x


@each_order
@each_stack
@pytest.mark.parametrize("scaled", [False, True])
def test_equals_the_formula(pre_norm, decoder, scaled):
    scales = {"branch_scales": SCALES, "skip_scale": 1.5} if scaled else {}
    layer = make(decoder, pre_norm=pre_norm, **scales)
    x = tf.constant(normal(2, 5, HIDDEN))
    np.testing.assert_allclose(call(layer, x), by_hand(layer, x), atol=1e-5)


def test_an_encoder_takes_no_memory():
    layer = make(decoder=False)
    x = normal(2, 5, HIDDEN)
    np.testing.assert_array_equal(layer(x, bias()), call(layer, x))


@pytest.mark.parametrize("kind", KINDS)
def test_a_branch_of_weight_zero_changes_nothing(kind):
    x = normal(2, 5, HIDDEN)
    silent = make(branch_scales=dict.fromkeys(KINDS, 0.0))
    np.testing.assert_array_equal(call(silent, x), x)
    one = make(branch_scales=dict.fromkeys(KINDS, 0.0) | {kind: 1.0})
    assert not np.allclose(call(one, x), x)


@each_order
def test_steps_from_a_cache_equal_the_whole_sequence(pre_norm):
    layer = make(pre_norm=pre_norm, branch_scales=SCALES, skip_scale=1.5)
    x = normal(2, 5, HIDDEN)
    whole = call(layer, x).numpy()
    keys_values = layer.cross_attention.project_memory(MEMORY)
    cache = (tf.zeros([2, HEADS, 0, HIDDEN // HEADS]),) * 2
    for position in range(5):
        step = tf.constant(x[:, position])
        y, cache, attention = layer.decode(
            step, cache, None, keys_values, memory_bias(), 1
        )
        np.testing.assert_allclose(y, whole[:, position], atol=1e-5)
    assert cache[0].shape == (2, HEADS, 5, HIDDEN // HEADS)
    assert attention.shape == (2, HEADS, 1, 4)
    assert (attention.numpy()[0, :, :, 2:] == 0).all()


class Recorder:
    """A sublayer that notes its seed and passes on a constant."""

    def __init__(self, seeds, value=1.0):
        self.seeds = seeds
        self.value = value

    def __call__(self, x, *args, seed=None, **kwargs):
        self.seeds.append(seed)
        return tf.fill(tf.shape(x), self.value)


def recorded(seeds, **options):
    return make(**{kind: Recorder(seeds) for kind in KINDS}, **options)


def test_sublayers_get_seeds_of_their_own():
    seeds = []
    call(recorded(seeds), tf.zeros([2, 5, HIDDEN]), seed=tf.constant([7, 8]))
    drawn = {tuple(seed.numpy()) for seed in seeds}
    assert len(drawn) == 3
    assert 2 * len(seeds) == SITES
    seeds.clear()
    call(recorded(seeds), tf.zeros([2, 5, HIDDEN]))
    assert seeds == [None] * 3


def test_dropout_falls_on_the_branches_and_not_on_what_skips_them():
    layer = recorded([], dropout=0.5, branch_scales=SCALES)
    x = tf.fill([40, 5, HIDDEN], 100.0)
    added = call(layer, x, seed=tf.constant([7, 8])).numpy() - 100.0
    # A branch adds nothing, or twice its scale: the eight sums differ.
    expected = {
        2 * (a * 0.5 + b * 2.0 + c * 0.25)
        for a in (0, 1)
        for b in (0, 1)
        for c in (0, 1)
    }
    values, counts = np.unique(added, return_counts=True)
    assert set(values) == expected
    shares = counts / added.size  # 1/8 each if the masks are independent
    assert (0.07 < shares).all()
    assert (shares < 0.18).all()


@each_order
def test_the_seed_decides(pre_norm):
    layer = make(dropout=0.5, pre_norm=pre_norm)
    x = normal(2, 5, HIDDEN)
    first, again, other = (
        call(layer, x, seed=tf.constant([seed, 0])).numpy()
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    plain = make(pre_norm=pre_norm)
    np.testing.assert_array_equal(call(layer, x), call(plain, x))


def test_two_depths_may_reference_the_same_sublayers():
    first = make()
    second = dataclasses.replace(first, skip_scale=2.0)
    for kind in KINDS:
        assert getattr(first, kind) is getattr(second, kind)
    x = normal(2, 5, HIDDEN)
    before = call(second, x).numpy()
    first.feed_forward.output_bias.assign_add(np.ones(HIDDEN))
    np.testing.assert_allclose(call(second, x), before + 1, atol=1e-5)


def test_references_cannot_be_exchanged():
    with pytest.raises(dataclasses.FrozenInstanceError, match="feed_forward"):
        make().feed_forward = None


def test_bfloat16_stays_bfloat16():
    layer = make(decoder=False, branch_scales=SCALES, skip_scale=1.5)
    half = dataclasses.replace(
        layer,
        self_attention=built(SelfAttention(HEADS, dtype="bfloat16"), 0),
        feed_forward=built(FeedForward(12, dtype="bfloat16"), 2),
        norms={
            kind: built(keras.layers.LayerNormalization(dtype="bfloat16"), seed)
            for seed, kind in enumerate(KINDS, 3)
        },
    )
    x = normal(2, 5, HIDDEN)
    y = half(tf.cast(x, tf.bfloat16), causal_bias(5, "bfloat16"))
    assert y.dtype == tf.bfloat16
    np.testing.assert_allclose(
        tf.cast(y, tf.float32), layer(x, bias()), atol=0.1
    )
