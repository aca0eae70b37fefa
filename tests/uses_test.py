"""Uses are those of the forward pass; their gradients add up, exactly."""

import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf import uses
from shared_transformer_tf.models.complexity import count_uses
from shared_transformer_tf.models.transformer import SharedTransformer
from shared_transformer_tf.uses import UseRecorder
from tests import albert

SOURCE = tf.constant([[4, 5, 6, 3], [7, 3, 0, 0]])
TARGET_IN = tf.constant([[2, 8, 9], [2, 10, 0]])
TARGETS = tf.constant([[8, 9, 3], [10, 3, 0]])


def make(**options):
    settings = dict(
        vocabulary_size=20,
        num_layers=4,
        hidden_dim=8,
        num_heads=2,
        intermediate_dim=12,
        dropout=0.3,
        seed=1,
    )
    return SharedTransformer(**settings | options)


def translation_loss(model):
    losses = model.token_losses((SOURCE, TARGET_IN), TARGETS, 0.1, True)
    return tf.reduce_sum(losses)


def albert_loss(model):
    outputs = model(
        {
            "token_ids": SOURCE,
            "segment_ids": tf.zeros_like(SOURCE),
            "padding_mask": tf.cast(SOURCE != 0, tf.int32),
        },
        training=True,
    )
    return tf.reduce_sum(tf.sin(outputs["sequence_output"])) + tf.reduce_sum(
        outputs["pooled_output"]
    )


def equal_states(model):
    """Sets the state of every seed, so that passes drop alike."""
    for index, variable in enumerate(model.non_trainable_variables):
        if "seed" in variable.path:
            variable.assign([index + 1, 0])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sharing": "universal"},
        {"sharing": "cycle_rev", "num_blocks": 2, "unshared_last": 0},
        {"sharing": "cycle", "num_blocks": 2, "shared_with_decoder": "all"},
        {
            "sharing": "sequence",
            "num_blocks": 2,
            "decoder": {"num_layers": 2, "num_blocks": 1},
        },
    ],
)
def test_counts_are_those_of_the_plans(options):
    model = make(**options)
    weights = model.trainable_variables
    with UseRecorder(weights) as record:
        translation_loss(model)
    found = {id(w): n for w, n in zip(weights, record.counts(), strict=True)}
    expected = count_uses(model)
    for stack in (model.encoder, model.decoder):
        for kind in ("self_attention", "feed_forward"):
            sublayers = getattr(stack, f"{kind}s")
            counts = [{found[id(w)] for w in s.weights} for s in sublayers]
            stated = expected[f"{stack.name}/{kind}"]
            assert counts == [{count} for count in stated]


@pytest.mark.parametrize(
    ("tied", "expected"), [("all", [3]), ("decoder", [2, 1]), ("none", [1] * 3)]
)
def test_tied_embeddings_count_every_role(tied, expected):
    model = make(tied_embeddings=tied)
    weights = [w for w in model.trainable_variables if "tokens" in w.path]
    with UseRecorder(weights) as record:
        translation_loss(model)
    assert sorted(record.counts(), reverse=True) == expected


def test_a_model_that_knows_nothing_of_it():
    model = albert.backbone()
    weights = model.trainable_variables
    with UseRecorder(weights) as record:
        albert_loss(model)
    counts = dict(zip([w.path for w in weights], record.counts(), strict=True))
    shared = [n for path, n in counts.items() if "group_0" in path]
    assert shared and set(shared) == {3}
    assert set(counts.values()) == {1, 3}
    assert "3 uses" in uses.describe(weights, record.counts())


@pytest.mark.parametrize("in_graph", [False, True])
@pytest.mark.parametrize(
    ("build", "loss_of"),
    [
        (lambda: make(sharing="cycle", num_blocks=2), translation_loss),
        (albert.backbone, albert_loss),
    ],
)
def test_gradients_of_uses_add_up_with_dropout_on(build, loss_of, in_graph):
    model = build()
    weights = model.trainable_variables

    def by_use():
        with tf.GradientTape() as tape, UseRecorder(weights, tape) as record:
            loss = loss_of(model)
        values = [w.value for w in weights]
        gradients, past = tape.gradient(loss, (record.copies(), values))
        record.check_gradients(past)
        return [
            tf.add_n([tf.convert_to_tensor(g) for g in gs]) for gs in gradients
        ]

    def whole():
        with tf.GradientTape() as tape:
            loss = loss_of(model)
        gradients = tape.gradient(loss, [w.value for w in weights])
        return [tf.convert_to_tensor(g) for g in gradients]

    results = []
    for compute in (by_use, whole):
        equal_states(model)
        if in_graph:
            compute = tf.function(compute, autograph=False)
        results.append(compute())
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_dropout_goes_on_under_the_recorder():
    model = make()
    before = [v.numpy().copy() for v in model.non_trainable_variables]
    with UseRecorder(model.trainable_variables):
        first = translation_loss(model)
        second = translation_loss(model)
    assert float(first) != float(second)
    after = [v.numpy() for v in model.non_trainable_variables]
    assert any((a != b).any() for a, b in zip(after, before, strict=True))
