"""Stacks own the sublayers of their plan, and nothing else."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf.layers.stack import Stack
from tests.layers import gradient_sums

HIDDEN, HEADS, INNER = 8, 2, 12
ATTENTION = 4 * HIDDEN * HIDDEN + 4 * HIDDEN
FEED_FORWARD = 2 * HIDDEN * INNER + HIDDEN + INNER
NORM = 2 * HIDDEN

each_schedule = pytest.mark.parametrize(
    ("sharing", "num_blocks"),
    [
        ("none", 6),
        ("universal", 1),
        ("sequence", 3),
        ("cycle", 3),
        ("cycle_rev", 3),
        ("sandwich", 3),
        ("0 0 1 2 1 0", 3),
    ],
)


def make(*args, **kwargs):
    stack = Stack(*args, num_heads=HEADS, intermediate_dim=INNER, **kwargs)
    stack.build((None, None, HIDDEN))
    return stack


def inputs(batch=2, length=5, seed=0):
    return keras.random.normal((batch, length, HIDDEN), seed=seed)


@each_schedule
@pytest.mark.parametrize("decoder", [False, True])
def test_weights_are_those_of_the_plan(sharing, num_blocks, decoder):
    stack = make(6, num_blocks, sharing, decoder=decoder)
    block = ATTENTION + FEED_FORWARD + 2 * NORM
    if decoder:
        block += ATTENTION + NORM
    assert stack.count_params() == num_blocks * block + NORM


def test_weights_when_only_some_kinds_are_shared():
    stack = make(4, 2, "cycle", shared_sublayers="feed_forward")
    own = 4 * (ATTENTION + 2 * NORM) + NORM
    assert stack.count_params() == own + 2 * FEED_FORWARD


def test_depth_uses_the_object_of_the_schedule():
    stack = make(6, 3, "cycle_rev")
    used = [
        stack.self_attentions.index(layer.self_attention)
        for layer in stack.layers
    ]
    assert used == [0, 1, 2, 2, 1, 0]


def test_post_norm_has_no_final_norm():
    pre = make(2, 1, "universal")
    post = make(2, 1, "universal", normalization="post")
    assert pre.count_params() - post.count_params() == NORM


@each_schedule
def test_shared_gradient_is_the_sum_over_an_untied_copy(sharing, num_blocks):
    shared = make(6, num_blocks, sharing, decoder=True)
    untied = make(6, decoder=True)

    def loss(stack):
        y = stack(inputs(), memory=inputs(length=3, seed=1))
        return tf.reduce_sum(tf.sin(y) * inputs(seed=2))

    uses = gradient_sums.stack_uses(shared, untied)
    gradient_sums.assert_sums(shared, untied, uses, loss)


def test_causal_stack_sees_no_future():
    stack = make(2, 1, "universal", decoder=True)
    memory = inputs(length=3, seed=1)
    x = inputs()
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(tf.square(stack(x, memory=memory)[:, 2]))
    gradient = tape.gradient(y, x)
    assert np.abs(gradient[:, :3]).max() > 0
    assert np.abs(gradient[:, 3:]).max() == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("none", [1, 1]),
        ("inverse_uses", [1 / 3, 1]),
        ("inverse_uses_sqrt_blocks", [0.5 / (3 * 2**0.5), 0.5 / 2**0.5]),
    ],
)
def test_residual_scale_counts_the_uses_of_each_block(name, expected):
    stack = make(4, 2, "0 0 1 0", residual_scale=name, residual_lambda=0.5)
    scales = [layer.branch_scales["feed_forward"] for layer in stack.layers]
    assert scales == pytest.approx([expected[i] for i in (0, 0, 1, 0)])


def test_residual_scale_multiplies_the_branch():
    scaled = make(
        1, residual_scale="inverse_uses_sqrt_blocks", residual_lambda=1e-8
    )
    scaled.final_norm = None
    x = inputs()
    np.testing.assert_allclose(scaled(x), x, atol=1e-6)


def test_deepnorm_scales_skip_and_initial_weights():
    plain = make(8, 2, "cycle", normalization="post")
    deep = make(8, 2, "cycle", normalization="post", residual_scale="deepnorm")
    assert deep.layers[0].skip_scale == 4

    def spread(stack, part):
        kernel = stack.self_attentions[0].kernel.numpy()
        return np.abs(np.split(kernel, 3, axis=1)[part]).max()

    assert spread(deep, 2) < 0.2 * spread(plain, 2)  # value: times 1/8
    assert spread(deep, 0) > 0.7 * spread(plain, 0)  # query: as it was


def test_depth_embedding_is_felt_at_every_depth():
    stack = make(3, 1, "universal", depth_embedding=True)
    x = inputs()
    before = stack(x)
    for depth in range(3):
        vectors = np.zeros((3, HIDDEN), "float32")
        vectors[depth, 0] = 1
        stack.depth_vectors.assign(vectors)
        assert np.abs(stack(x) - before).max() > 1e-3


def test_dropout_differs_between_depths_and_calls_and_follows_the_seed():
    def outputs(seed):
        stack = make(2, 1, "universal", dropout=0.5, seed=seed)
        for number, weight in enumerate(stack.weights):
            weight.assign(
                keras.random.normal(weight.shape, seed=number, stddev=0.3)
            )
        x = inputs()
        return [np.array(stack(x, training=True)) for _ in range(2)]

    first, second = outputs(3)
    again, _ = outputs(3)
    other, _ = outputs(4)
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, second)
    assert not np.allclose(first, other)


def test_config_round_trip_and_wrong_names():
    stack = make(4, 2, "cycle", decoder=True, dropout=0.1)
    again = Stack.from_config(stack.get_config())
    again.build((None, None, HIDDEN))
    assert again.plan == stack.plan
    assert again.count_params() == stack.count_params()
    with pytest.raises(ValueError, match="'pre' or 'post'"):
        make(2, normalization="none")
    with pytest.raises(ValueError, match="inverse_uses"):
        make(2, residual_scale="half")
    with pytest.raises(ValueError, match="does not divide"):
        Stack(1, num_heads=3, intermediate_dim=4).build((None, None, 8))


def test_borrowed_sublayers_are_the_same_objects():
    lender = make(4, 2, "cycle")
    borrower = make(
        4,
        2,
        "cycle",
        decoder=True,
        borrowed={"feed_forward": lender.feed_forwards},
    )
    assert borrower.feed_forwards[1] is lender.feed_forwards[1]
    with pytest.raises(NotImplementedError, match="borrowed"):
        borrower.get_config()
    with pytest.raises(ValueError, match="4 feed_forward sublayers"):
        make(4, borrowed={"feed_forward": lender.feed_forwards})
