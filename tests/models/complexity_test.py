"""Weights and FLOPs against the model's graph."""

import math

import pytest
import tensorflow as tf

from shared_transformer_tf.models.complexity import (
    complexity,
    count_uses,
    count_weights,
    describe_uses,
)
from shared_transformer_tf.models.transformer import SharedTransformer

SOURCE, TARGET, BATCH = 11, 7, 3


def make(**kwargs):
    settings = dict(
        vocabulary_size=50,
        num_layers=4,
        hidden_dim=16,
        num_heads=2,
        intermediate_dim=24,
        dropout=0.0,
    )
    return SharedTransformer(**settings | kwargs)


def einsum_flops(operation):
    """Twice the product of the sizes of all indices."""
    inputs = operation.get_attr("equation").decode().split("->")[0].split(",")
    sizes = {}
    for names, tensor in zip(inputs, operation.inputs, strict=True):
        sizes |= dict(zip(names, tensor.shape, strict=True))
    return 2 * math.prod(sizes.values())


def matrix_flops(graph_def_graph):
    """Sums 2 m n k over the matrix products of a graph."""
    total = 0
    for operation in graph_def_graph.get_operations():
        if operation.type == "MatMul":
            left, _ = (list(x.shape) for x in operation.inputs)
            inner = left[0 if operation.get_attr("transpose_a") else 1]
        elif operation.type.startswith("BatchMatMul"):
            left = list(operation.inputs[0].shape)
            inner = left[-2 if operation.get_attr("adj_x") else -1]
        elif operation.type == "Einsum":
            total += einsum_flops(operation)
            continue
        else:
            continue
        outputs = operation.outputs[0].shape.num_elements()
        total += 2 * outputs * inner
    return total


def counted(model, backward):
    ids = [
        tf.TensorSpec((BATCH, SOURCE), tf.int32),
        tf.TensorSpec((BATCH, TARGET), tf.int32),
    ]

    @tf.function(input_signature=ids, autograph=False)
    def run(source, target):
        if not backward:
            return model((source, target))
        variables = [v.value for v in model.trainable_variables]
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model((source, target)))
        return tape.gradient(loss, variables)

    return matrix_flops(run.get_concrete_function().graph)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sharing": "universal"},
        {"decoder": {"num_layers": 1}, "sharing": "universal"},
        {"tied_embeddings": "none"},
    ],
)
@pytest.mark.parametrize("backward", [False, True])
def test_flops_are_those_of_the_graph(options, backward):
    model = make(**{"num_layers": 2} | options)
    stated = complexity(model, SOURCE, TARGET)
    flops = stated.training_flops if backward else stated.forward_flops
    assert counted(model, backward) == pytest.approx(BATCH * flops, rel=0.02)


def test_sharing_saves_weights_but_no_flops():
    alone = complexity(make(), SOURCE, TARGET)
    shared = complexity(make(sharing="cycle", num_blocks=2), SOURCE, TARGET)
    assert shared.forward_flops == alone.forward_flops
    assert sum(shared.weights.values()) < sum(alone.weights.values())


def test_components_add_up_to_the_weights():
    model = make(tied_embeddings="decoder", shared_with_decoder="all")
    assert sum(count_weights(model).values()) == model.count_params()
    assert "Weights:" in complexity(model, SOURCE, TARGET).describe()


def test_uses_count_both_stacks():
    model = make(
        sharing="cycle", num_blocks=2, shared_with_decoder="feed_forward"
    )
    uses = count_uses(model)
    assert uses["encoder/feed_forward"] == (4, 4)
    assert uses["decoder/feed_forward"] == (4, 4)
    assert uses["encoder/self_attention"] == (2, 2)
    assert uses["decoder/cross_attention"] == (2, 2)
    assert uses["decoder/layer_norm"] == (2, 2)
    assert "feed_forward 4 4" in describe_uses(model)
