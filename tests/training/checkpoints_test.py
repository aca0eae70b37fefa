"""Checkpoints: whole, verified, and never lost to a failed write."""

import errno
import os

import keras
import numpy as np
import pytest

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.models.transformer import SharedTransformer
from shared_transformer_tf.training import array_files, checkpoints, weights
from shared_transformer_tf.training.callbacks import averaged_weights
from tests.layers import random_weights
from tests.training import reused

X = (np.array([[5, 3]], "int32"), np.array([[2, 6]], "int32"))
Y = np.array([[6, 3]], "int32")


def make(hidden_dim=8, dtype="float32", **optimizer):
    model = SharedTransformer(
        12,
        num_layers=2,
        sharing="universal",
        hidden_dim=hidden_dim,
        num_heads=2,
        intermediate_dim=4,
        dropout=0.3,
        seed=5,
        dtype=dtype,
    )
    model.compile(keras.optimizers.Adam(0.01, **optimizer))
    model.optimizer.build(model.trainable_variables)
    return model


def tagging(dtype="float32", **optimizer):
    model = reused.tagger(dtype=dtype, dropout=0.3)
    model.compile(keras.optimizers.Adam(0.01, **optimizer))
    if dtype == "mixed_float16":
        model.optimizer.initial_scale = 2.0**20  # its gradients overflow
    model.optimizer.build(model.trainable_variables)
    return model


def train(model, updates):
    for _ in range(updates):
        model.train_on_batch(*reused.batch())


def values(model):
    return {
        name: v.numpy() for name, v in weights.weight_variables(model).items()
    }


def assert_equal(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        np.testing.assert_array_equal(value, theirs[name], err_msg=name)


def save(directory, model, step, bleu=None):
    scores = {} if bleu is None else {"bleu": bleu, "loss": 1.0}
    return checkpoints.save(str(directory), model, step, scores, {})


@pytest.mark.parametrize(
    "optimizer",
    [{}, {"use_ema": True}, {"use_ema": True, "dtype": "mixed_float16"}],
)
def test_going_on_is_bit_identical(tmp_path, optimizer):
    straight = tagging(**optimizer)
    train(straight, 3)
    saved = save(tmp_path, straight, 3)
    train(straight, 3)
    resumed = tagging(**optimizer)
    train(resumed, 1)
    checkpoints.restore(saved, resumed)
    train(resumed, 3)
    assert_equal(values(resumed), values(straight))
    applied = int(resumed.optimizer.iterations)
    assert applied == int(straight.optimizer.iterations)
    # float16 skips updates until its scale is low enough
    assert 3 < applied < 6 if "dtype" in optimizer else applied == 6


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_moving_average_is_what_inference_gets(tmp_path, dtype):
    model = tagging(use_ema=True, ema_momentum=0.5, dtype=dtype)
    while int(model.optimizer.iterations) < 2:  # float16 skips some
        train(model, 1)
    saved = save(tmp_path, model, 2)
    own = values(model)
    averaged = checkpoints.read_weights(saved)
    name = next(n for n in own if "kernel" in n)
    assert not np.array_equal(own[name], averaged[name])
    with averaged_weights(model):
        assert_equal(values(model), averaged)
    assert_equal(values(model), own)


def test_file_holds_each_weight_once(tmp_path):
    model = make()
    saved = save(tmp_path, model, 1)
    stored = checkpoints.read_weights(saved)
    assert sum(a.size for a in stored.values()) == model.count_params()
    size = os.path.getsize(os.path.join(saved.path, checkpoints.WEIGHTS))
    assert size < 4 * model.count_params() + 400 * len(stored)


def test_average_is_the_mean(tmp_path):
    model = make()
    saved = []
    for step in (1, 2):
        random_weights.fill(model, step)
        saved.append(save(tmp_path, model, step))
    mean = checkpoints.average_weights(saved)
    parts = [checkpoints.read_weights(one) for one in saved]
    for name, value in mean.items():
        np.testing.assert_allclose(
            value, (parts[0][name] + parts[1][name]) / 2, atol=1e-7
        )


def test_prune_keeps_best_and_newest(tmp_path):
    model = make()
    for step, bleu in enumerate([5.0, 9.0, 7.0, 1.0, 2.0], start=1):
        save(tmp_path, model, step, bleu)
    left = checkpoints.prune(
        str(tmp_path), keep_best=2, keep_last=1, best_by="bleu"
    )
    assert [one.step for one in left] == [2, 3, 5]
    assert [one.resumable for one in left] == [False, False, True]
    best = checkpoints.best_checkpoints(left, 2, "bleu")
    assert [one.step for one in best] == [2, 3]


@pytest.mark.parametrize(
    ("best_by", "expected"), [("bleu", 2), ("chrf", 0), ("loss", 1)]
)
def test_the_best_is_the_best_by_the_score_that_was_asked_for(
    best_by, expected
):
    scores = [
        {"bleu": 0.0, "chrf": 9.0, "loss": 3.0},
        {"bleu": 0.0, "chrf": 7.0, "loss": 1.0},
        {"bleu": 1.0, "chrf": 8.0, "loss": 2.0},
    ]
    ranks = [checkpoints.rank(one, best_by) for one in scores]
    assert ranks.index(max(ranks)) == expected


def test_loss_breaks_ties():
    scores = [{"bleu": 0.0, "loss": 2.0}, {"bleu": 0.0, "loss": 1.0}]
    ranks = [checkpoints.rank(one, "bleu") for one in scores]
    assert ranks[1] > ranks[0]


@pytest.mark.parametrize("best_by", ["bleu", "loss"])
def test_a_loss_that_is_no_number_is_the_lowest(best_by):
    lost = {"bleu": 0.0, "loss": float("nan")}
    high = {"bleu": 0.0, "loss": 1e9}
    low, best = (checkpoints.rank(one, best_by) for one in (lost, high))
    assert best > low and not low > best


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove"])
def test_damage_is_told(tmp_path, damage):
    saved = save(tmp_path, make(), 1)
    path = os.path.join(saved.path, checkpoints.WEIGHTS)
    if damage == "remove":
        os.remove(path)
    else:
        with open(path, "r+b") as file:
            if damage == "truncate":
                file.truncate(os.path.getsize(path) // 2)
            else:
                file.seek(200)
                file.write(b"\xff\x00\xff")
    with pytest.raises(InputError, match="weights.npz is (damaged|missing)"):
        checkpoints.restore(saved, make())
    (fault,) = checkpoints.faults(saved)
    assert "weights.npz is" in fault


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    saved = save(tmp_path, make(), 1)
    with pytest.raises(InputError, match="has shape"):
        checkpoints.restore(saved, make(hidden_dim=4))
    other = save(tmp_path, make(hidden_dim=4), 2)
    with pytest.raises(InputError, match="of another model"):
        checkpoints.average_weights([saved, other])


def test_a_folder_that_is_no_checkpoint_is_passed_over(tmp_path, caplog):
    save(tmp_path, make(), 1)
    os.makedirs(tmp_path / "step_0000009")
    found = checkpoints.list_checkpoints(str(tmp_path))
    assert [one.step for one in found] == [1]
    assert "not a checkpoint" in caplog.text


def test_a_full_disk_leaves_the_older_checkpoint(tmp_path, monkeypatch):
    model = make()
    save(tmp_path, model, 1)

    def full(path, arrays):
        with open(path, "wb") as file:
            file.write(b"some bytes")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(array_files, "write_arrays", full)
    with pytest.raises(InputError, match="No space left on device"):
        save(tmp_path, model, 2)
    assert os.listdir(tmp_path) == ["step_0000001"]
    (one,) = checkpoints.list_checkpoints(str(tmp_path))
    assert checkpoints.faults(one) == []


def test_checkpoints_are_in_the_order_of_their_numbers(tmp_path):
    for step in (10_000_000, 9_999_999):
        (tmp_path / f"step_{step:07d}").mkdir()
    names = [os.path.basename(p) for p in checkpoints.folders(str(tmp_path))]
    assert names == ["step_9999999", "step_10000000"]
