"""Sharing survives files: `.keras`, `.weights.h5` and checkpoints."""

import functools
import itertools
import os
import zipfile

import h5py
import keras
import numpy as np
import pytest

from shared_transformer_tf.models.transformer import SharedTransformer
from shared_transformer_tf.sharing import LENDABLE_KINDS, parse_kinds
from shared_transformer_tf.training import checkpoints
from tests.layers import random_weights

DEPTH, HIDDEN, SIZE = 4, 8, 20
CASES = {
    "none": {},
    "universal": {"sharing": "universal"},
    "sequence": {"sharing": "sequence", "num_blocks": 2},
    "cycle": {"sharing": "cycle", "num_blocks": 2},
    "cycle_rev": {"sharing": "cycle_rev", "num_blocks": 2},
    "sandwich": {"sharing": "sandwich", "num_blocks": 3},
    "indices": {"sharing": [0, 1, 1, 0]},
    "unshared_ends": {
        "sharing": "universal",
        "unshared_first": 1,
        "unshared_last": 1,
    },
    "own_but_feed_forward": {
        "sharing": "universal",
        "shared_sublayers": ["feed_forward"],
    },
    "own_norms": {
        "sharing": "cycle",
        "num_blocks": 2,
        "shared_sublayers": "self_attention, cross_attention, feed_forward",
    },
    "lent": {
        "sharing": "cycle_rev",
        "num_blocks": 2,
        "shared_with_decoder": "all",
    },
    "lent_feed_forward": {"shared_with_decoder": ["feed_forward"]},
    "lent_and_untied": {
        "sharing": "universal",
        "shared_with_decoder": "all",
        "tied_embeddings": "none",
    },
    "other_decoder": {
        "sharing": "universal",
        "decoder": {
            "sharing": [0, 0, 1, 0],
            "normalization": "post",
            "depth_embedding": True,
        },
    },
    "tied_decoder": {"sharing": "universal", "tied_embeddings": "decoder"},
    "tied_none": {"sharing": "universal", "tied_embeddings": "none"},
}
X = (
    np.array([[5, 6, 7, 3], [8, 3, 0, 0]], "int32"),
    np.array([[2, 9, 10], [2, 11, 0]], "int32"),
)

# Bytes of a file beside its values: HDF5 groups and headers for each array,
# the zip directory and the JSON config; the header of each NumPy array.
KERAS_OVERHEAD, NUMPY_OVERHEAD = 2500, 400


def make(case, seed):
    """Returns a model whose weights are all those of a seed."""
    model = SharedTransformer(
        SIZE,
        num_layers=DEPTH,
        hidden_dim=HIDDEN,
        num_heads=2,
        intermediate_dim=12,
        dropout=0.1,
        seed=seed,
        **CASES[case],
    )
    return random_weights.fill(model, seed)


@functools.cache
def original(case):
    return make(case, 1)


@functools.cache
def logits(case):
    return original(case)(X).numpy()


def compiled(case, seed):
    model = make(case, seed)
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9))
    model.optimizer.build(model.trainable_variables)
    return model


def stored_arrays(path):
    """Returns how many float32 arrays an HDF5 file has, and their bytes."""
    sizes = []

    def visit(_, item):
        if isinstance(item, h5py.Dataset) and item.dtype == np.float32:
            sizes.append(4 * item.size)

    with h5py.File(path) as file:
        file.visititems(visit)
    return len(sizes), sum(sizes)


def assert_file_holds_each_weight_once(path, model, weights_file=None):
    values = 4 * model.count_params()
    stored = stored_arrays(weights_file or path)
    assert stored == (len(model.weights), values)
    allowed = values + KERAS_OVERHEAD * len(model.weights)
    assert values < os.path.getsize(path) < allowed


def assert_same_model(again, case):
    model = original(case)
    np.testing.assert_array_equal(again(X), logits(case))
    assert len({id(weight) for weight in again.weights}) == len(model.weights)
    assert again.count_params() == model.count_params()
    assert_sublayers_follow_the_plan(again, model)
    assert_lent_sublayers_are_the_same_objects(again)
    assert_tokens_are_tied_as_asked(again)
    assert_a_change_at_one_depth_is_felt_at_the_others(again)


def assert_other_weights(again, model):
    for ours, theirs in zip(again.weights, model.weights, strict=True):
        assert not np.allclose(ours, theirs), ours.path


def sublayer(layer, kind):
    if kind == "layer_norm":
        return layer.norms["feed_forward"]
    return getattr(layer, kind)


def assert_sublayers_follow_the_plan(again, model):
    for name in ("encoder", "decoder"):
        stack, plan = getattr(again, name), getattr(model, name).plan
        assert stack.plan == plan
        for kind, schedule in plan.schedules.items():
            used = [sublayer(layer, kind) for layer in stack.layers]
            assert len({id(one) for one in used}) == plan.num_objects(kind)
            for i, j in itertools.combinations(range(DEPTH), 2):
                assert (used[i] is used[j]) == (schedule[i] == schedule[j])


def lent_kinds(model):
    given = model.get_config()["shared_with_decoder"]
    return parse_kinds(given, LENDABLE_KINDS)


def assert_lent_sublayers_are_the_same_objects(model):
    for kind in LENDABLE_KINDS:
        for ours, theirs in zip(
            model.encoder.layers, model.decoder.layers, strict=True
        ):
            same = sublayer(ours, kind) is sublayer(theirs, kind)
            assert same == (kind in lent_kinds(model))


def assert_tokens_are_tied_as_asked(model):
    tied = model.get_config()["tied_embeddings"]
    source = model.source_embedding.tokens
    target = model.target_embedding.tokens
    assert (source is target) == (tied == "all")
    assert target.tie_weights == (tied != "none")


def assert_a_change_at_one_depth_is_felt_at_the_others(model):
    """Moves the feed-forward sublayer of the bottom; spoils the model."""
    schedule = model.encoder.plan.schedules["feed_forward"]
    layers = list(model.encoder.layers)
    moved = [index == schedule[0] for index in schedule]
    if "feed_forward" in lent_kinds(model):
        layers += model.decoder.layers
        moved *= 2
    x = random_weights.normal(2, 3, HIDDEN)
    before = [layer.feed_forward(x).numpy() for layer in layers]
    layers[0].feed_forward.output_bias.assign_add(np.ones(HIDDEN))
    for layer, was, expected in zip(layers, before, moved, strict=True):
        np.testing.assert_allclose(
            layer.feed_forward(x), was + expected, atol=1e-5
        )


each_case = pytest.mark.parametrize("case", CASES)


@each_case
def test_keras_file(case, tmp_path):
    model, path = original(case), tmp_path / "model.keras"
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        inside = archive.extract("model.weights.h5", tmp_path / "inside")
    assert_file_holds_each_weight_once(path, model, inside)
    again = keras.models.load_model(path)
    assert again.get_config() == model.get_config()
    assert_same_model(again, case)


@each_case
def test_weights_file(case, tmp_path):
    model, again = original(case), make(case, 2)
    assert_other_weights(again, model)
    path = tmp_path / "model.weights.h5"
    model.save_weights(path)
    assert_file_holds_each_weight_once(path, model)
    again.load_weights(path)
    assert_same_model(again, case)


@each_case
def test_checkpoint(case, tmp_path):
    model, again = compiled(case, 1), compiled(case, 2)
    assert_other_weights(again, model)
    saved = checkpoints.save(str(tmp_path), model, 7, {}, {})
    checkpoints.restore(saved, again)
    values = checkpoints.read_weights(saved)
    assert len(values) == len(model.weights)
    assert sum(v.size for v in values.values()) == model.count_params()
    wanted = 4 * model.count_params()
    for name in (checkpoints.WEIGHTS, checkpoints.STATE):  # and its momentum
        size = os.path.getsize(os.path.join(saved.path, name))
        arrays = len(model.weights) + 8  # seeds, steps, rates, a metric
        assert wanted < size < wanted + NUMPY_OVERHEAD * arrays
    assert_same_model(again, case)
