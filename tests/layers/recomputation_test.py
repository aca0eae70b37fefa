"""Recomputed activations: the same gradients, uses and masks."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf.layers.stack import Stack
from shared_transformer_tf.models.transformer import SharedTransformer
from shared_transformer_tf.training.gradients import gradient_sums

SOURCE = tf.constant([[4, 5, 6, 3], [7, 3, 0, 0]])
TARGET_IN = tf.constant([[2, 8, 9], [2, 10, 0]])
TARGETS = tf.constant([[8, 9, 3], [10, 3, 0]])


def make(**options):
    keras.utils.set_random_seed(1)
    settings = dict(
        vocabulary_size=20,
        num_layers=4,
        num_blocks=2,
        sharing="cycle",
        hidden_dim=8,
        num_heads=2,
        intermediate_dim=12,
        dropout=0.3,
        attention_dropout=0.2,
        activation_dropout=0.2,
        seed=1,
    )
    return SharedTransformer(**settings | options)


def sums_and_uses(model, way, of_each_use=True):
    """The loss' sum and gradients, apart by use or whole; counted uses."""
    weights = model.trainable_variables
    apart = weights if of_each_use else []
    counted = []

    def compute():
        sums, counted[:] = gradient_sums(
            lambda: model.token_losses((SOURCE, TARGET_IN), TARGETS, 0.1, True),
            lambda losses: (tf.reduce_sum(losses), tf.constant(5.0)),
            weights,
            apart,
            [],
            tf.constant(1.0),
        )
        return sums

    if way != "eager":
        compute = tf.function(
            compute, autograph=False, jit_compile=way == "xla"
        )
    return [tf.cast(value, "float32").numpy() for value in compute()], counted


@pytest.mark.parametrize(
    ("way", "of_each_use"),
    [
        ("eager", False),
        ("eager", True),
        ("graph", False),
        ("xla", False),
    ],
)
def test_gradients_with_dropout_are_those_of_kept_activations(way, of_each_use):
    # deep graphs take long to make, and longer to compile
    options = {
        "eager": dict(num_layers=4, num_blocks=2),
        "graph": dict(num_layers=2, num_blocks=1),
        "xla": dict(num_layers=1, num_blocks=1, shared_with_decoder="all"),
    }[way]
    kept, uses = sums_and_uses(make(**options), way, of_each_use)
    again, same_uses = sums_and_uses(
        make(recompute=True, **options), way, of_each_use
    )
    assert uses == same_uses
    assert max(uses) == 3  # the tied embeddings: source, target, output
    for one, other in zip(kept, again, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("normalization", ["pre", "post"])
def test_half_precision_and_both_norms(normalization):
    options = dict(dtype="mixed_bfloat16", normalization=normalization)
    kept, _ = sums_and_uses(make(**options), "eager")
    again, _ = sums_and_uses(make(recompute=True, **options), "eager")
    for one, other in zip(kept, again, strict=True):
        np.testing.assert_array_equal(other, one)


def test_with_sublayers_shared_between_the_stacks():
    options = dict(shared_with_decoder="all", num_layers=2, num_blocks=1)
    kept, uses = sums_and_uses(make(**options), "graph")
    again, same_uses = sums_and_uses(make(recompute=True, **options), "graph")
    assert uses == same_uses
    for one, other in zip(kept, again, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-5)


def test_masks_are_drawn_twice_and_activations_not_kept():
    """Counted in the graph: one more mask for each that layers draw."""

    def masks(model):
        def gradients():
            with tf.GradientTape() as tape:
                losses = model.token_losses(
                    (SOURCE, TARGET_IN), TARGETS, 0.1, True
                )
                total = tf.reduce_sum(losses)
            return tape.gradient(
                total, [w.value for w in model.trainable_variables]
            )

        graph = (
            tf.function(gradients, autograph=False)
            .get_concrete_function()
            .graph
        )
        names = [op.type for op in graph.get_operations()]
        return sum("StatelessRandomUniform" in name for name in names)

    of_embeddings = 2
    one = dict(num_layers=1, num_blocks=1)
    of_layers = masks(make(**one)) - of_embeddings
    assert of_layers > 0
    again = masks(make(recompute=True, **one))
    assert again == of_embeddings + 2 * of_layers


def test_nothing_is_recomputed_without_training():
    inputs = (SOURCE, TARGET_IN)
    np.testing.assert_array_equal(make()(inputs), make(recompute=True)(inputs))


def test_setting_survives_the_config():
    assert make(recompute=True).get_config()["recompute"] is True
    model = SharedTransformer.from_config(make(recompute=True).get_config())
    assert model.encoder.recompute
    assert model.decoder.recompute


def test_gradients_reach_what_a_stack_is_given():
    def gradients(recompute):
        keras.utils.set_random_seed(1)
        stack = Stack(
            2, 1, "cycle", num_heads=2, intermediate_dim=12, decoder=True,
            seed=1, dropout=0.3, recompute=recompute,
        )  # fmt: skip
        x, memory = tf.random.stateless_normal([2, 2, 3, 8], [1, 2])
        biases = [tf.zeros([2, 1, 3, 3]), tf.zeros([2, 1, 1, 3])]
        given = [x, memory, *biases]
        with tf.GradientTape() as tape:
            tape.watch(given)
            y = stack(
                x,
                memory=memory,
                bias=biases[0],
                memory_bias=biases[1],
                training=True,
            )
            loss = tf.reduce_sum(y**2)
        return tape.gradient(loss, given)

    for kept, again in zip(gradients(False), gradients(True), strict=True):
        assert np.abs(kept).max() > 0
        np.testing.assert_allclose(again, kept, rtol=1e-4, atol=1e-5)
