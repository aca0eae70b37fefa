"""Gradients of shared weights are sums over the copies of an untied model."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf.models.transformer import SharedTransformer
from tests.layers import gradient_sums, random_weights

X = (
    np.array([[5, 6, 7, 3], [8, 3, 0, 0]], "int32"),
    np.array([[2, 9, 10], [2, 6, 0]], "int32"),
)
Y = np.array([[9, 10, 3], [6, 3, 0]], "int32")
SIZE = 12


def make(**options):
    model = SharedTransformer(
        SIZE,
        hidden_dim=8,
        num_heads=2,
        intermediate_dim=12,
        dropout=0.0,
        **{"num_layers": 2} | options,
    )
    return random_weights.fill(model)


def loss_of_logits(model):
    weights = random_weights.normal(*Y.shape, SIZE)
    return tf.reduce_sum(tf.sin(model(X)) * weights)


def loss_of_tokens(model):
    return tf.reduce_sum(model.token_losses(X, Y, 0.1, training=True))


def matrices(model):
    """Returns the matrices of source, target and output, maybe one thrice."""
    target = model.target_embedding.tokens
    return (
        model.source_embedding.tokens.embeddings,
        target.embeddings,
        target.embeddings if target.tie_weights else target.reverse_embeddings,
    )


def assert_gradients_are_sums(model, loss):
    untied = make(tied_embeddings="none")
    uses = [
        *zip(matrices(model), matrices(untied), strict=True),
        *gradient_sums.stack_uses(model.encoder, untied.encoder),
        *gradient_sums.stack_uses(model.decoder, untied.decoder),
    ]
    gradient_sums.assert_sums(model, untied, uses, loss)


@pytest.mark.parametrize("loss", [loss_of_logits, loss_of_tokens])
@pytest.mark.parametrize(
    ("tied", "matrices_of_its_own"), [("all", 1), ("decoder", 2), ("none", 3)]
)
def test_tied_embeddings(tied, matrices_of_its_own, loss):
    model = make(tied_embeddings=tied)
    unique = {id(matrix) for matrix in matrices(model)}
    assert len(unique) == matrices_of_its_own
    assert_gradients_are_sums(model, loss)


@pytest.mark.parametrize("sharing", ["none", "universal"])
@pytest.mark.parametrize("lent", ["self_attention", "feed_forward", "all"])
def test_sublayers_lent_to_the_decoder(sharing, lent):
    model = make(
        sharing=sharing, shared_with_decoder=lent, tied_embeddings="none"
    )
    assert_gradients_are_sums(model, loss_of_logits)


def test_everything_shared_at_once():
    model = make(sharing="universal", shared_with_decoder="all")
    assert_gradients_are_sums(model, loss_of_tokens)


@pytest.mark.parametrize(
    ("dtype", "xla"),
    [("float32", False), ("float32", True), ("mixed_float16", True)],
)
def test_a_row_of_padding_changes_nothing(dtype, xla):
    """Batches end with such rows, and replicas are filled up with them."""
    model = make(dtype=dtype, num_layers=1)
    model.compile(keras.optimizers.SGD(0.0), jit_compile=xla)
    inputs, targets = X, Y
    logs = []
    for rows in (0, 1):
        pad = [(0, rows), (0, 0)]
        logs.append(
            model.train_on_batch(
                tuple(np.pad(ids, pad) for ids in inputs),
                np.pad(targets, pad),
                return_dict=True,
            )
        )
    assert [one["skipped"] for one in logs] == [0, 0]
    for name in ("batch_loss", "gradient_norm"):
        alone, padded = (one[name] for one in logs)
        np.testing.assert_allclose(padded, alone, rtol=1e-3)
