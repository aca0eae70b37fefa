"""Embeddings: their formula, positions, dropout and tying."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf.layers.embeddings import (
    SequenceEmbedding,
    make_token_embeddings,
)
from tests.layers.random_weights import normal

SIZE, HIDDEN = 11, 6
IDS = np.array([[5, 6, 5, 3], [8, 3, 0, 0]], "int32")


def make(dtype="float32", seed=None, table=None, **options):
    tokens, _ = make_token_embeddings("all", SIZE, SIZE, HIDDEN, dtype)
    layer = SequenceEmbedding(tokens, seed=seed, dtype=dtype, **options)
    layer.build((None, None))
    tokens.embeddings.assign(normal(SIZE, HIDDEN) if table is None else table)
    return layer


def sinusoids(positions, width=HIDDEN):
    """Returns the formula of "Attention Is All You Need", section 3.5."""
    column = np.arange(width)
    wavelengths = 10_000.0 ** (2 * (column // 2) / width)
    angles = np.asarray(positions)[:, np.newaxis] / wavelengths
    return np.where(column % 2, np.cos(angles), np.sin(angles))


def test_is_the_scaled_row_plus_the_position():
    layer = make()
    table = layer.tokens.embeddings.numpy()
    expected = np.sqrt(HIDDEN) * table[IDS] + sinusoids(range(4))
    np.testing.assert_allclose(layer(IDS), expected, atol=1e-5)
    assert layer.compute_output_shape(IDS.shape) == (2, 4, HIDDEN)


def test_ids_one_by_one_equal_the_whole_row():
    layer = make()
    whole = layer(IDS)

    @tf.function(autograph=False)
    def step(ids, position):
        return layer(ids, start_index=position)

    for position in range(4):
        ids = IDS[:, position : position + 1]
        np.testing.assert_allclose(
            step(ids, tf.constant(position)),
            whole[:, position : position + 1],
            atol=1e-6,
        )


def test_same_id_differs_by_its_position_alone():
    x = make()(IDS).numpy()
    difference = sinusoids([2])[0] - sinusoids([0])[0]
    np.testing.assert_allclose(x[0, 2] - x[0, 0], difference, atol=1e-5)


def test_only_rows_that_occur_get_a_gradient():
    layer = make()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(IDS))
    gradient = tape.gradient(loss, layer.tokens.embeddings.value)
    counts = np.bincount(IDS.ravel(), minlength=SIZE)[:, np.newaxis]
    expected = np.sqrt(HIDDEN) * np.tile(counts, HIDDEN)
    np.testing.assert_allclose(
        tf.convert_to_tensor(gradient), expected, rtol=1e-6
    )


def test_bfloat16_rounds_positions_only_at_the_end():
    zeros = np.zeros((SIZE, HIDDEN))
    half = make("mixed_bfloat16", table=zeros)
    ids = np.zeros((1, 4), "int32")
    x = half(ids, start_index=255)  # bfloat16 counts 255, 256, 256, 258
    assert x.dtype == tf.bfloat16
    assert half.tokens.embeddings.dtype == "float32"
    np.testing.assert_allclose(
        tf.cast(x[0], tf.float32), sinusoids(range(255, 259)), atol=4e-3
    )


def test_dropout_only_in_training_and_by_seed():
    ids = np.zeros((8, 16), "int32")

    def outputs(seed):
        layer = make(dropout=0.5, seed=seed)
        return [layer(ids, training=True).numpy() for _ in range(2)]

    first, second = outputs(1)
    again, _ = outputs(1)
    other, _ = outputs(2)
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, second)
    assert not np.allclose(first, other)
    layer = make(dropout=0.5)
    np.testing.assert_array_equal(layer(ids), make()(ids))
    np.testing.assert_array_equal(layer(ids, training=False), make()(ids))


def test_dropout_is_on_the_sum_and_keeps_the_expectation():
    layer = make(dropout=0.25, seed=3)
    plain = layer(IDS[:1]).numpy()[0]
    many = layer(np.repeat(IDS[:1], 4000, axis=0), training=True).numpy()
    kept = many != 0
    assert abs(kept.mean() - 0.75) < 0.01
    expected = np.broadcast_to(plain / 0.75, many.shape)
    np.testing.assert_allclose(many[kept], expected[kept], rtol=1e-5)


@pytest.mark.parametrize(
    ("tied", "same", "matrices"),
    [("all", True, 1), ("decoder", False, 2), ("none", False, 3)],
)
def test_tying_says_how_many_matrices_there_are(tied, same, matrices):
    source, target = make_token_embeddings(tied, SIZE, SIZE, HIDDEN, "float32")
    assert (source is target) == same
    unique = {id(layer): layer for layer in (source, target)}.values()
    for layer in unique:
        layer.build(())
    weights = [weight for layer in unique for weight in layer.weights]
    assert len(weights) == matrices
    assert sum(w.value.shape.num_elements() for w in weights) == (
        matrices * SIZE * HIDDEN
    )


@pytest.mark.parametrize("tied", ["all", "decoder"])
def test_tied_logits_are_products_with_the_rows(tied):
    _, target = make_token_embeddings(tied, SIZE, SIZE, HIDDEN, "float32")
    target.build(())
    hidden = normal(2, 3, HIDDEN)
    np.testing.assert_allclose(
        target(hidden, reverse=True),
        hidden @ target.embeddings.numpy().T,
        atol=1e-5,
    )


def test_two_layers_share_one_matrix():
    tokens, _ = make_token_embeddings("all", SIZE, SIZE, HIDDEN, "float32")
    first, second = SequenceEmbedding(tokens), SequenceEmbedding(tokens)
    first.build((None, None))
    second.build((None, None))
    assert first.weights[0] is second.weights[0]
    tokens.embeddings.assign(normal(SIZE, HIDDEN, seed=9))
    np.testing.assert_array_equal(first(IDS), second(IDS))


def test_vectors_begin_with_variance_one_over_the_width():
    source, target = make_token_embeddings("none", 400, 500, 64, "float32")
    for layer, size in ((source, 400), (target, 500)):
        layer.build(())
        for weight in layer.weights:
            assert sorted(weight.shape) == [64, size]
            assert np.std(weight.numpy()) == pytest.approx(64**-0.5, rel=0.05)


def test_sizes_that_cannot_be_tied_and_unknown_names():
    with pytest.raises(ValueError, match="5 pieces and the target 7.*joint"):
        make_token_embeddings("all", 5, 7, HIDDEN, "float32")
    with pytest.raises(ValueError, match="'both'; choose 'all', 'decoder'"):
        make_token_embeddings("both", 5, 5, HIDDEN, "float32")
    source, target = make_token_embeddings("decoder", 5, 7, HIDDEN, "float32")
    assert (source.input_dim, target.input_dim) == (5, 7)


def test_config_round_trip_leaves_the_config_as_it_was():
    layer = make(dropout=0.1, seed=4, name="source_embedding")
    config = layer.get_config()
    for _ in range(2):
        again = SequenceEmbedding.from_config(config)
        assert again.get_config() == layer.get_config()
        again.build((None, None))
        again.tokens.embeddings.assign(layer.tokens.embeddings)
        np.testing.assert_array_equal(again(IDS), layer(IDS))
        assert isinstance(again.tokens, keras.layers.ReversibleEmbedding)
