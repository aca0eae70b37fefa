"""Tensors of HTTP requests, in TensorFlow Serving's JSON: two forms.

Row form: `{"instances": [row, row]}` is answered by `{"predictions": [...]}`.
Column form: `{"inputs": {name: values}}` is answered by `{"outputs": ...}`.
Where there is one input or output its name may be, and is, left out. Bytes
are `{"b64": "..."}`.
"""

import base64
import binascii
import json
import math
from typing import Any

import numpy as np

from shared_transformer_tf.serving import refusal, signature

_MOST_DIMENSIONS = 16
_KEYS = ("signature_name", "instances", "inputs")


def parse(body: bytes) -> dict[str, Any]:
    """Returns the object of a request's body.

    Raises:
        Refusal: if it is not JSON, or not a request.
    """
    try:
        request = json.loads(body, parse_constant=_no_constant)
    except RecursionError:
        raise _wrong("The JSON is nested too deeply.") from None
    except ValueError as error:
        # The error of wrong UTF-8 quotes all of it.
        raise _wrong(f"The body is not JSON: {str(error)[:100]}.") from error
    if not isinstance(request, dict):
        raise _wrong("The body must be a JSON object.")
    for key in request:
        if key not in _KEYS:
            raise _wrong(
                f"The key {key!r:.80} is unknown, expected some of "
                f"{', '.join(_KEYS)}."
            )
    if ("instances" in request) == ("inputs" in request):
        raise _wrong('Give one of "instances", rows, and "inputs", columns.')
    if not isinstance(request.get("signature_name", ""), str):
        raise _wrong('"signature_name" must be text.')
    return request


def decode(
    request: dict[str, Any], entry: signature.Signature
) -> dict[str, np.ndarray]:
    """Returns the inputs by name.

    Args:
        request: what `parse` returned.
        entry: the signature that it is for.

    Raises:
        Refusal: if a name, type or shape does not fit.
    """
    if "inputs" in request:
        columns = request["inputs"]
        if not _is_object(columns):
            columns = {_only(entry): columns}
    else:
        columns = _columns(request["instances"], entry)
    entry.check_names(columns)
    return {
        name: _array(name, columns[name], spec)
        for name, spec in entry.inputs.items()
    }


def _columns(rows: Any, entry: signature.Signature) -> dict[str, list]:
    if not entry.batched:
        raise _wrong(f'{entry.name} has no rows: use "inputs".')
    if not isinstance(rows, list):
        raise _wrong('"instances" must be a list.')
    if not any(_is_object(row) for row in rows):
        if not rows:
            return {name: [] for name in entry.inputs}
        return {_only(entry): rows}
    for row in rows:
        if not _is_object(row):
            raise _wrong('Either all or none of "instances" are objects.')
        entry.check_names(row)
    return {name: [row[name] for row in rows] for name in entry.inputs}


def _only(entry: signature.Signature) -> str:
    if len(entry.inputs) != 1:
        raise _wrong(
            f"{entry.name} takes several inputs: name them, "
            f"{', '.join(entry.inputs)}."
        )
    return next(iter(entry.inputs))


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() != {"b64"}


def _array(name: str, value: Any, spec: signature.TensorSpec) -> np.ndarray:
    shape: list[int] = []
    values = [value]
    while any(isinstance(item, list) for item in values):
        sizes = {len(item) if isinstance(item, list) else -1 for item in values}
        if len(sizes) > 1:
            raise _wrong(f"The lists of input {name!r} differ in length.")
        shape += sizes
        if len(shape) > _MOST_DIMENSIONS:
            raise _wrong(f"Input {name!r} is nested too deeply.")
        values = [entry for item in values for entry in item]
    if not values and spec.shape and len(shape) < len(spec.shape):
        # [] has lost what the sizes behind the first empty one are.
        shape += [size or 0 for size in spec.shape[len(shape) :]]
    signature.check_shape(name, tuple(shape), spec)
    array = np.empty(len(values), spec.dtype.as_numpy_dtype)
    read = _READERS.get(array.dtype.kind, _integer)
    for place, item in enumerate(values):
        array[place] = read(name, item, spec)
    return array.reshape(shape)


def _text(name: str, value: Any, spec: signature.TensorSpec) -> bytes:
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError:
            raise _wrong(
                f"Input {name!r} holds half a surrogate pair, which is no "
                'text: send bytes as {"b64": "..."}.'
            ) from None
    if isinstance(value, dict) and isinstance(value.get("b64"), str):
        try:
            return base64.b64decode(value["b64"], validate=True)
        except (binascii.Error, ValueError) as error:
            raise _wrong(f"Input {name!r} is no base64.") from error
    raise _unfit(name, value, spec)


def _truth(name: str, value: Any, spec: signature.TensorSpec) -> bool:
    if isinstance(value, bool):
        return value
    raise _unfit(name, value, spec)


def _number(name: str, value: Any, spec: signature.TensorSpec) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        largest = float(spec.dtype.max)
        if -largest <= value <= largest:
            return float(value)
    raise _unfit(name, value, spec)


def _integer(name: str, value: Any, spec: signature.TensorSpec) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        if spec.dtype.min <= value <= spec.dtype.max:
            return value
    raise _unfit(name, value, spec)


_READERS = {"O": _text, "b": _truth, "f": _number}


def _unfit(name: str, value: Any, spec: signature.TensorSpec):
    kind = type(value).__name__
    shown = f"{value:.6g}" if isinstance(value, float) else kind
    return _wrong(f"Input {name!r} holds {shown}, expected {spec.describe()}.")


def _wrong(message: str) -> refusal.Refusal:
    return refusal.Refusal("INVALID_ARGUMENT", message)


def _no_constant(name: str):
    raise ValueError(f"{name} is no JSON")


def encode(
    request: dict[str, Any],
    entry: signature.Signature,
    outputs: dict[str, np.ndarray],
) -> bytes:
    """Returns the body of an answer, in the form of the request."""
    columns = {
        name: _values(name, array.tolist()) for name, array in outputs.items()
    }
    if len(columns) == 1:
        (answer,) = columns.values()
    elif "inputs" in request:
        answer = columns
    else:
        answer = [
            dict(zip(columns, row, strict=True))
            for row in zip(*columns.values(), strict=True)
        ]
    key = "outputs" if "inputs" in request else "predictions"
    return json.dumps({key: answer}, allow_nan=False).encode()


def _values(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_values(name, item) for item in value]
    if isinstance(value, bytes):
        if not name.endswith("_bytes"):  # as TensorFlow Serving has it
            try:
                return value.decode()
            except UnicodeDecodeError:
                pass  # JSON has no other way than the next line's
        return {"b64": base64.b64encode(value).decode()}
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has neither infinities nor NaN
    return value
