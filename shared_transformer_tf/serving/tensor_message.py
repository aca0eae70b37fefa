"""Tensors of gRPC requests: TensorProto to arrays and back."""

import math
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from shared_transformer_tf.serving import refusal, signature

# A TensorProto of a few bytes may claim any size, which is then allocated.
_MOST_ELEMENTS = 1 << 20


def decode(
    inputs: Mapping[str, object], entry: signature.Signature
) -> dict[str, np.ndarray]:
    """Returns the arrays of a request.

    Args:
        inputs: TensorProto messages by name.
        entry: the signature that is asked for.

    Raises:
        Refusal: if a name, type or shape does not fit, or a message is
            damaged.
    """
    entry.check_names(inputs)
    return {
        name: _array(name, message, entry.inputs[name])
        for name, message in inputs.items()
    }


def _array(name: str, message, spec: signature.TensorSpec) -> np.ndarray:
    # Checked before anything is made of the message.
    if message.dtype != spec.dtype.as_datatype_enum:
        raise _wrong(name, f"has the type {_type_name(message.dtype)}", spec)
    if message.tensor_shape.unknown_rank:
        raise _wrong(name, "has no shape", spec)
    shape = tuple(dim.size for dim in message.tensor_shape.dim)
    if any(size < 0 for size in shape):
        raise _wrong(name, "has a negative size", spec)
    signature.check_shape(name, shape, spec)
    elements = math.prod(shape)
    if elements > _MOST_ELEMENTS:
        raise refusal.Refusal(
            "OUT_OF_RANGE",
            f"Input {name!r} claims {elements:.3g} values, expected at most "
            f"{_MOST_ELEMENTS}: send fewer rows at once.",
        )
    if spec.dtype == tf.string:
        values = list(message.string_val)
        if len(values) != elements:
            raise _wrong(
                name, f"has {len(values)} texts for {elements} places", spec
            )
        array = np.empty(elements, object)
        array[:] = values
        return array.reshape(shape)
    try:
        return tf.make_ndarray(message)
    except (TypeError, ValueError) as error:
        raise _wrong(name, f"is damaged ({error!s:.100})", spec) from error


def _type_name(number: int) -> str:
    try:
        return tf.as_dtype(number).name
    except TypeError:
        return f"number {number}"


def _wrong(name: str, what: str, spec: signature.TensorSpec):
    return refusal.Refusal(
        "INVALID_ARGUMENT",
        f"Input {name!r} {what}, expected {spec.describe()}.",
    )


def encode(array: np.ndarray):
    """Returns the TensorProto of an output."""
    return tf.make_tensor_proto(array)
