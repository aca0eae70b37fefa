"""Checkpoints: written beside and renamed, verified when read.

    checkpoints/step_0000500/
        weights.npz      what inference needs, by path in the model
        state.npz        what going on needs besides: optimizer, seeds
        manifest.json    checksums, the step, dev scores, training progress

`state.npz` is deleted from checkpoints kept only for their score. Arrays are
read without pickle: loading runs no code from a run directory.
"""

import dataclasses
import json
import math
import os
import re
import shutil
from typing import Any

import keras
import numpy as np
from absl import logging

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.training import array_files, optimizers, weights

WEIGHTS = "weights.npz"
STATE = "state.npz"
MANIFEST = "manifest.json"
_PARTIAL = ".partial_"
_REMOVED = ".removed_"


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """One folder of the above.

    Attributes:
        path: the folder.
        step: updates done.
        scores: of the dev set by name, `loss` too; empty if not measured.
        progress: of the training, see `TrainingProgress`.
        checksums: SHA-256 by file name.
    """

    path: str
    step: int
    scores: dict[str, float]
    progress: dict[str, Any]
    checksums: dict[str, str]

    @property
    def name(self) -> str:
        """The folder's name."""
        return os.path.basename(self.path)

    @property
    def resumable(self) -> bool:
        """Whether training can go on from here."""
        return os.path.exists(os.path.join(self.path, STATE))


def save(
    directory: str,
    model: keras.Model,
    step: int,
    scores: dict[str, float],
    progress: dict[str, Any],
) -> Checkpoint:
    """Writes a checkpoint of a built and compiled model.

    Raises:
        InputError: if it cannot be written; older checkpoints are untouched.
    """
    path = os.path.join(directory, f"step_{step:07d}")
    partial = os.path.join(directory, f"{_PARTIAL}step_{step:07d}")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        os.makedirs(partial)
        checksums = {
            name: array_files.write_arrays(os.path.join(partial, name), arrays)
            for name, arrays in (
                (WEIGHTS, weights.inference_weights(model)),
                (STATE, _state(model)),
            )
        }
        checkpoint = Checkpoint(path, step, scores, progress, checksums)
        _write_manifest(partial, checkpoint)
        if os.path.exists(path):
            _remove(path)
        os.rename(partial, path)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise InputError(
            f"Checkpoint {path} could not be written ({error.strerror}): make "
            "room, or copy the run to another disk and name it with --workdir, "
            "then start the same command again; it goes on from the newest "
            "checkpoint there."
        ) from error
    return checkpoint


def list_checkpoints(directory: str) -> list[Checkpoint]:
    """Returns the checkpoints of a folder by step, their arrays unread.

    What is not a checkpoint is passed over with a line in the log.
    """
    found = []
    for path in folders(directory):
        try:
            found.append(read_manifest(path))
        except InputError as error:
            logging.warning("Passed over: %s.", error)
    return found


def folders(directory: str) -> list[str]:
    """Returns the paths that checkpoints have, sound or not, by step."""
    if not os.path.isdir(directory):
        return []
    names = [n for n in os.listdir(directory) if re.fullmatch(r"step_\d+", n)]
    names.sort(key=lambda name: int(name.partition("_")[2]))
    return [os.path.join(directory, name) for name in names]


def read_manifest(path: str) -> Checkpoint:
    """Returns the checkpoint of one folder.

    Raises:
        InputError: if the folder is not a checkpoint.
    """
    file = os.path.join(path, MANIFEST)
    try:
        with open(file, encoding="utf-8") as stream:
            values = json.load(stream)
        return Checkpoint(path=path, **values)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{path} is not a checkpoint of this program ({error})"
        ) from error


def faults(checkpoint: Checkpoint) -> list[str]:
    """Returns what is wrong with the files of a checkpoint."""
    found = [
        array_files.fault(os.path.join(checkpoint.path, name), checksum)
        for name, checksum in checkpoint.checksums.items()
    ]
    return [one for one in found if one]


def restore(checkpoint: Checkpoint, model: keras.Model) -> None:
    """Sets weights, optimizer and seeds of a compiled model.

    Raises:
        InputError: if a file is damaged or of another model.
    """
    own = read_weights(checkpoint)
    state = _read_arrays(checkpoint, STATE)
    raw = {
        name.removeprefix("raw/"): value
        for name, value in state.items()
        if name.startswith("raw/")
    }
    weights.assign_weights(model, raw or own, checkpoint.path)
    expected = _state_variables(model)
    weights.check_names(expected, state, checkpoint.path, ignored="raw/")
    for name, variable in expected.items():
        weights.check_shape(name, variable, state[name], checkpoint.path)
        variable.assign(state[name])


def read_weights(checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """Returns the weights by path, float32.

    Raises:
        InputError: if the file is damaged.
    """
    return _read_arrays(checkpoint, WEIGHTS)


def average_weights(
    checkpoints: list[Checkpoint],
) -> dict[str, np.ndarray]:
    """Returns the mean of the weights of several checkpoints, by path.

    Raises:
        InputError: if a file is damaged or they are of different models.
    """
    total: dict[str, np.ndarray] = {}
    for checkpoint in checkpoints:
        values = read_weights(checkpoint)
        shapes = {name: value.shape for name, value in values.items()}
        if total and shapes != {n: value.shape for n, value in total.items()}:
            raise InputError(
                f"{checkpoint.path} is of another model than "
                f"{checkpoints[0].path}: delete the one that does not belong "
                "to the run."
            )
        for name, value in values.items():
            total[name] = total.get(name, 0.0) + value.astype(np.float64)
    return {
        name: (value / len(checkpoints)).astype(np.float32)
        for name, value in total.items()
    }


def prune(
    directory: str, keep_best: int, keep_last: int, best_by: str
) -> list[Checkpoint]:
    """Deletes what is neither among the best by a score nor the newest.

    Returns:
        The checkpoints that are left.
    """
    for name in os.listdir(directory):
        if name.startswith((_PARTIAL, _REMOVED)):  # left by a sudden end
            shutil.rmtree(os.path.join(directory, name))
    found = list_checkpoints(directory)
    newest = found[-keep_last:]
    best = best_checkpoints(found, keep_best, best_by)
    for checkpoint in found:
        if checkpoint in newest:
            continue
        if checkpoint not in best:
            _remove(checkpoint.path)
        elif checkpoint.resumable:
            os.remove(os.path.join(checkpoint.path, STATE))
    return [c for c in found if c in newest or c in best]


def _remove(path: str) -> None:
    """Deletes a checkpoint so that a stop leaves no half of it."""
    directory, name = os.path.split(path)
    doomed = os.path.join(directory, f"{_REMOVED}{name}")
    shutil.rmtree(doomed, ignore_errors=True)
    os.rename(path, doomed)
    shutil.rmtree(doomed)


def best_checkpoints(
    checkpoints: list[Checkpoint], number: int, best_by: str
) -> list[Checkpoint]:
    """Returns the best by a dev score, best first; dev loss breaks ties."""
    scored = [one for one in checkpoints if one.scores]
    return sorted(
        scored, key=lambda one: rank(one.scores, best_by), reverse=True
    )[:number]


def rank(scores: dict[str, float], best_by: str) -> tuple[float, float]:
    """Returns what is the higher, the better: a score, then a low loss.

    A loss that is no number is the lowest rank.
    """
    loss = -scores["loss"] if math.isfinite(scores["loss"]) else -math.inf
    return (loss if best_by == "loss" else scores[best_by]), loss


def _state(model: keras.Model) -> dict[str, np.ndarray]:
    state = {name: v.numpy() for name, v in _state_variables(model).items()}
    # weights.npz holds the averages then
    if optimizers.unwrapped(model.optimizer).use_ema:
        for name, variable in weights.weight_variables(model).items():
            state[f"raw/{name}"] = variable.numpy()
    return state


def _state_variables(model: keras.Model) -> dict[str, keras.Variable]:
    own = {id(variable) for variable in model.weights}
    others = [v for v in model.variables if id(v) not in own]
    named = {f"model/{i:04d}": v for i, v in enumerate(others)}
    for index, variable in enumerate(model.optimizer.variables):
        named[f"optimizer/{index:04d}"] = variable
    return named


def _write_manifest(directory: str, checkpoint: Checkpoint) -> None:
    values = dataclasses.asdict(checkpoint)
    del values["path"]
    path = os.path.join(directory, MANIFEST)
    with open(path, "w", encoding="utf-8") as stream:
        json.dump(values, stream, indent=2)
        stream.flush()
        os.fsync(stream.fileno())


def _read_arrays(checkpoint: Checkpoint, name: str) -> dict[str, np.ndarray]:
    return array_files.read_arrays(
        os.path.join(checkpoint.path, name), checkpoint.checksums.get(name)
    )
