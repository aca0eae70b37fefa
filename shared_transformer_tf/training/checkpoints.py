"""Checkpoints: written beside and renamed, verified when read.

    checkpoints/step_0000500/
        weights.npz      what inference needs, by path in the model
        state.npz        what going on needs besides: optimizer, seeds, metrics
        manifest.json    checksums, the step, dev scores, training progress

`state.npz` is deleted from checkpoints kept only for their score. Arrays are
read without pickle: loading runs no code from a run directory.
"""

import dataclasses
import hashlib
import json
import os
import re
import shutil
import zipfile
from typing import Any

import keras
import numpy as np

from shared_transformer_tf.errors import InputError

WEIGHTS = "weights.npz"
STATE = "state.npz"
MANIFEST = "manifest.json"


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """One folder of the above.

    Attributes:
        path: the folder.
        step: updates done.
        score: dev BLEU, `None` where it was not measured.
        progress: of the training, see `TrainingProgress`.
        checksums: SHA-256 by file name.
    """

    path: str
    step: int
    score: float | None
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
    score: float | None,
    progress: dict[str, Any],
) -> Checkpoint:
    """Writes a checkpoint of a built and compiled model.

    Raises:
        InputError: if it cannot be written; older checkpoints are untouched.
    """
    path = os.path.join(directory, f"step_{step:07d}")
    partial = os.path.join(directory, f".partial_step_{step:07d}")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        os.makedirs(partial)
        _write_arrays(os.path.join(partial, WEIGHTS), inference_weights(model))
        _write_arrays(os.path.join(partial, STATE), _state(model))
        checksums = {
            name: _checksum(os.path.join(partial, name))
            for name in (WEIGHTS, STATE)
        }
        checkpoint = Checkpoint(path, step, score, progress, checksums)
        _write_manifest(partial, checkpoint)
        shutil.rmtree(path, ignore_errors=True)
        os.rename(partial, path)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise InputError(
            f"Checkpoint {path} could not be written ({error.strerror}): make "
            "room or choose another --workdir, then start the same command "
            "again; it goes on from the newest checkpoint there."
        ) from error
    return checkpoint


def list_checkpoints(directory: str) -> list[Checkpoint]:
    """Returns the checkpoints of a folder by step, unread."""
    if not os.path.isdir(directory):
        return []
    return [
        read_manifest(os.path.join(directory, name))
        for name in sorted(os.listdir(directory))
        if re.fullmatch(r"step_\d+", name)
    ]


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
            f"{path} is not a checkpoint of this program ({error}): name "
            "another one with --checkpoint, or delete that folder."
        ) from error


def verify(checkpoint: Checkpoint) -> None:
    """Compares every file with its checksum.

    Raises:
        InputError: naming the file that is missing or damaged.
    """
    for name in checkpoint.checksums:
        _verify_file(checkpoint, name)


def restore(checkpoint: Checkpoint, model: keras.Model) -> None:
    """Sets weights, optimizer, seeds and metrics of a compiled model.

    Raises:
        InputError: if a file is damaged or of another model.
    """
    weights = read_weights(checkpoint)
    state = _read_arrays(checkpoint, STATE)
    raw = {
        name.removeprefix("raw/"): value
        for name, value in state.items()
        if name.startswith("raw/")
    }
    assign_weights(model, raw or weights, checkpoint.path)
    expected = _state_variables(model)
    _check_names(expected, state, checkpoint.path, ignored="raw/")
    for name, variable in expected.items():
        _check_shape(name, variable, state[name], checkpoint.path)
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
        InputError: if a file is damaged.
    """
    total: dict[str, np.ndarray] = {}
    for checkpoint in checkpoints:
        for name, value in read_weights(checkpoint).items():
            total[name] = total.get(name, 0.0) + value.astype(np.float64)
    return {
        name: (value / len(checkpoints)).astype(np.float32)
        for name, value in total.items()
    }


def assign_weights(
    model: keras.Model, weights: dict[str, np.ndarray], origin: str
) -> None:
    """Sets the weights of a built model.

    Args:
        model: built.
        weights: by path in the model, as `read_weights` returns.
        origin: where they came from, for messages.

    Raises:
        InputError: if they are of another model.
    """
    expected = weight_variables(model)
    _check_names(expected, weights, origin)
    for name, variable in expected.items():
        _check_shape(name, variable, weights[name], origin)
        variable.assign(weights[name])


def weight_variables(model: keras.Model) -> dict[str, keras.Variable]:
    """Returns each weight once, by its path inside the model."""
    variables = {v.path.partition("/")[2]: v for v in model.weights}
    if len(variables) != len(model.weights):
        raise ValueError(
            "Two weights of the model have the same path: name its layers."
        )
    return variables


def inference_weights(model: keras.Model) -> dict[str, np.ndarray]:
    """Returns the weights to translate with: their moving average if kept."""
    variables = weight_variables(model)
    optimizer = model.optimizer
    if optimizer is None or not optimizer.use_ema:
        return {name: v.numpy() for name, v in variables.items()}
    averages = {
        v.path: average
        for v, average in zip(
            optimizer._trainable_variables,
            optimizer._model_variables_moving_average,
            strict=True,
        )
    }
    return {
        name: averages.get(v.path, v).numpy() for name, v in variables.items()
    }


def prune(directory: str, keep_best: int, keep_last: int) -> list[Checkpoint]:
    """Deletes what is neither among the best nor the newest.

    Returns:
        The checkpoints that are left.
    """
    found = list_checkpoints(directory)
    newest = found[-keep_last:]
    best = best_checkpoints(found, keep_best)
    for checkpoint in found:
        if checkpoint in newest:
            continue
        if checkpoint not in best:
            shutil.rmtree(checkpoint.path)
        elif checkpoint.resumable:
            os.remove(os.path.join(checkpoint.path, STATE))
    return [c for c in found if c in newest or c in best]


def best_checkpoints(
    checkpoints: list[Checkpoint], number: int
) -> list[Checkpoint]:
    """Returns the checkpoints of highest score, best first."""
    scored = [c for c in checkpoints if c.score is not None]
    return sorted(scored, key=lambda c: (-c.score, c.step))[:number]


def _state(model: keras.Model) -> dict[str, np.ndarray]:
    state = {name: v.numpy() for name, v in _state_variables(model).items()}
    if model.optimizer.use_ema:  # then weights.npz holds the averages
        for name, variable in weight_variables(model).items():
            state[f"raw/{name}"] = variable.numpy()
    return state


def _state_variables(model: keras.Model) -> dict[str, keras.Variable]:
    weights = {id(variable) for variable in model.weights}
    others = [v for v in model.variables if id(v) not in weights]
    named = {f"model/{i:04d}": v for i, v in enumerate(others)}
    for index, variable in enumerate(model.optimizer.variables):
        named[f"optimizer/{index:04d}"] = variable
    return named


def _write_arrays(path: str, arrays: dict[str, np.ndarray]) -> None:
    with open(path, "wb") as stream:
        np.savez(stream, **arrays)
        stream.flush()
        os.fsync(stream.fileno())


def _write_manifest(directory: str, checkpoint: Checkpoint) -> None:
    values = dataclasses.asdict(checkpoint)
    del values["path"]
    path = os.path.join(directory, MANIFEST)
    with open(path, "w", encoding="utf-8") as stream:
        json.dump(values, stream, indent=2)
        stream.flush()
        os.fsync(stream.fileno())


def _read_arrays(
    checkpoint: Checkpoint, file_name: str
) -> dict[str, np.ndarray]:
    path = _verify_file(checkpoint, file_name)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (zipfile.BadZipFile, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error


def _verify_file(checkpoint: Checkpoint, file_name: str) -> str:
    path = os.path.join(checkpoint.path, file_name)
    if not os.path.exists(path):
        raise InputError(f"{path} is missing: take another checkpoint.")
    if _checksum(path) != checkpoint.checksums.get(file_name):
        raise InputError(
            f"{path} is damaged (its checksum is not the one in {MANIFEST}): "
            "delete that checkpoint; the one before it will be taken."
        )
    return path


def _checksum(path: str) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _check_names(expected, found, origin: str, ignored: str = "\0") -> None:
    found = {name for name in found if not name.startswith(ignored)}
    missing = sorted(set(expected) - found)
    unknown = sorted(found - set(expected))
    if missing or unknown:
        raise InputError(
            f"{origin} is of another model: {len(missing)} arrays are missing "
            f"{missing[:2]}, {len(unknown)} are unknown {unknown[:2]}. Take "
            "the config that it was trained with."
        )


def _check_shape(name: str, variable, value: np.ndarray, origin: str) -> None:
    if tuple(variable.shape) != value.shape:
        raise InputError(
            f"{origin} is of another model: {name} has shape {value.shape}, "
            f"this model's is {tuple(variable.shape)}."
        )
