"""What a SavedModel takes and gives, and checks of what clients send."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from shared_transformer_tf.serving import refusal

DEFAULT = "serving_default"
_KINDS = "OSUbiuf"  # of numpy: text, booleans, integers, floats


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """One input or output.

    Attributes:
        tensor: its name in the graph.
        dtype: TensorFlow's.
        shape: `None` for any size, or for any shape.
    """

    tensor: str
    dtype: tf.DType
    shape: tuple[int | None, ...] | None

    def describe(self) -> str:
        """Returns the type and shape in words for a client."""
        if self.shape is None:
            return f"{self.dtype.name} of any shape"
        sizes = ["any" if size is None else str(size) for size in self.shape]
        return f"{self.dtype.name} [{', '.join(sizes)}]"


@dataclasses.dataclass(frozen=True)
class Signature:
    """One entry of a model.

    Attributes:
        name: what clients call it.
        inputs: by name.
        outputs: by name.
        batched: dimension 0 of every input and output is the batch, so that
            requests may be run together.
    """

    name: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    batched: bool

    def check(self, arrays: Mapping[str, np.ndarray]) -> int:
        """Checks the inputs of a request.

        Returns:
            Its rows; 1 where the signature has no batch.

        Raises:
            Refusal: if names, types, shapes or rows do not fit.
        """
        self.check_names(arrays)
        for name, array in arrays.items():
            check_shape(name, array.shape, self.inputs[name])
        if not self.batched:
            return 1
        rows = {name: array.shape[0] for name, array in arrays.items()}
        if len(set(rows.values())) > 1:
            counts = ", ".join(f"{k} {v}" for k, v in rows.items())
            raise refusal.Refusal(
                "INVALID_ARGUMENT",
                f"Every input needs as many rows as the others, got {counts}.",
            )
        return next(iter(rows.values()))

    def check_names(self, given: Mapping[str, object]) -> None:
        """Checks that exactly the inputs are given.

        Raises:
            Refusal: naming a missing or unknown input.
        """
        expected = f"{self.name} takes {', '.join(self.inputs)}."
        for name in self.inputs:
            if name not in given:
                raise refusal.Refusal(
                    "INVALID_ARGUMENT", f"Input {name!r} is missing: {expected}"
                )
        for name in given:
            if name not in self.inputs:
                raise refusal.Refusal(
                    "INVALID_ARGUMENT",
                    f"Input {name!r:.80} is unknown: {expected}",
                )


def check_shape(name: str, shape: tuple[int, ...], spec: TensorSpec) -> None:
    """Checks a shape against what is expected.

    Raises:
        Refusal: saying both.
    """
    if spec.shape is None:
        return
    fits = len(shape) == len(spec.shape) and all(
        wanted in (None, size)
        for size, wanted in zip(shape, spec.shape, strict=True)
    )
    if not fits:
        raise refusal.Refusal(
            "INVALID_ARGUMENT",
            f"Input {name!r} has the shape {str(list(shape)):.100}, expected "
            f"{spec.describe()}.",
        )


def read(definitions: Mapping[str, object]) -> dict[str, Signature]:
    """Returns the signatures that can be served.

    Args:
        definitions: SignatureDef messages by name. Those with no input or
            output, or with tensors that are not text, numbers or booleans,
            are left out.
    """
    found = {}
    for name, definition in definitions.items():
        if name.startswith("__"):
            continue
        inputs = _specs(definition.inputs)
        outputs = _specs(definition.outputs)
        if inputs and outputs:
            batched = all(
                spec.shape and spec.shape[0] is None
                for spec in (*inputs.values(), *outputs.values())
            )
            found[name] = Signature(name, inputs, outputs, batched)
    return found


def _specs(tensors: Mapping[str, object]) -> dict[str, TensorSpec] | None:
    specs = {}
    for name, info in sorted(tensors.items()):
        if not info.name:  # sparse, ragged or composite
            return None
        dtype = tf.as_dtype(info.dtype)
        if np.dtype(dtype.as_numpy_dtype).kind not in _KINDS:
            return None
        shape = None
        if not info.tensor_shape.unknown_rank:
            shape = tuple(
                None if dim.size < 0 else dim.size
                for dim in info.tensor_shape.dim
            )
        specs[name] = TensorSpec(info.name, dtype, shape)
    return specs
