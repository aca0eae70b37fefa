"""The weights of a model by path: read, averaged over time, assigned."""

from collections.abc import Iterable

import keras
import numpy as np

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.training import optimizers


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
    check_names(expected, weights, origin)
    for name, variable in expected.items():
        check_shape(name, variable, weights[name], origin)
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
    """Returns the weights to translate with: their moving average if kept.

    Before the first update that is applied, the weights themselves.
    """
    variables = weight_variables(model)
    optimizer = getattr(model, "optimizer", None)  # absent before `compile`
    averages = {} if optimizer is None else _averages(optimizer)
    return {
        name: averages.get(v.path, v).numpy() for name, v in variables.items()
    }


def _averages(
    optimizer: keras.optimizers.Optimizer,
) -> dict[str, keras.Variable]:
    optimizer = optimizers.unwrapped(optimizer)
    # Keras' averages are zeros until the first update.
    if not optimizer.use_ema or not optimizer.iterations.numpy():
        return {}
    return {
        v.path: average
        for v, average in zip(
            optimizer._trainable_variables,
            optimizer._model_variables_moving_average,
            strict=True,
        )
    }


def check_names(
    expected: Iterable[str],
    found: Iterable[str],
    origin: str,
    ignored: str = "\0",
) -> None:
    """Compares the names of arrays.

    Args:
        expected: names that the model has.
        found: names in a file.
        origin: the file, for messages.
        ignored: beginning of names in the file that do not count.

    Raises:
        InputError: if they differ.
    """
    found = {name for name in found if not name.startswith(ignored)}
    missing = sorted(set(expected) - found)
    unknown = sorted(found - set(expected))
    if missing or unknown:
        raise InputError(
            f"{origin} is of another model: {len(missing)} arrays are missing "
            f"{missing[:2]}, {len(unknown)} are unknown {unknown[:2]}. Take "
            "the config that it was trained with."
        )


def check_shape(
    name: str, variable: keras.Variable, value: np.ndarray, origin: str
) -> None:
    """Compares the shape of an array with its variable's.

    Raises:
        InputError: if they differ.
    """
    if tuple(variable.shape) != value.shape:
        raise InputError(
            f"{origin} is of another model: {name} has shape {value.shape}, "
            f"this model's is {tuple(variable.shape)}."
        )
