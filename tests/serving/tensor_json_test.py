"""Numbers and text between JSON and arrays."""

import json

import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf.serving import refusal, signature, tensor_json


def entry(batched=True, **inputs):
    specs = {
        name: signature.TensorSpec(f"{name}:0", dtype, shape)
        for name, (dtype, shape) in inputs.items()
    }
    return signature.Signature("name", specs, specs, batched)


def there_and_back(values, dtype, shape):
    one = entry(x=(dtype, shape))
    request = tensor_json.parse(json.dumps({"inputs": values}).encode())
    arrays = tensor_json.decode(request, one)
    answer = json.loads(tensor_json.encode(request, one, arrays))
    return arrays["x"], answer["outputs"]


@pytest.mark.parametrize(
    ("values", "dtype", "shape"),
    [
        ([0.5, -1.0], tf.float32, (None,)),
        ([[0.1], [1e300]], tf.float64, (None, 1)),
        ([3e38], tf.float32, None),
        ([255, 0], tf.uint8, (None,)),
        ([-(2**63), 2**63 - 1], tf.int64, (None,)),
        ([2**64 - 1], tf.uint64, (None,)),
        ([[True, False]], tf.bool, (None, 2)),
        (["\u0000\u2028\U0001f6b2"], tf.string, (None,)),
        ([], tf.string, (None,)),
        ([[], []], tf.int32, (None, None)),
        (7, tf.int32, ()),
    ],
)
def test_values_survive(values, dtype, shape):
    array, back = there_and_back(values, dtype, shape)
    assert array.dtype == dtype.as_numpy_dtype
    assert array.shape == np.shape(values)
    assert np.allclose(back, values) if dtype.is_floating else back == values


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(256, tf.uint8), (-1, tf.uint64), (2**31, tf.int32), (1e300, tf.float32)],
)
def test_values_out_of_range_are_refused(value, dtype):
    with pytest.raises(refusal.Refusal, match=f"expected {dtype.name}"):
        there_and_back([value], dtype, (None,))


def test_rows_of_several_inputs_become_columns():
    two = entry(a=(tf.int32, (None,)), b=(tf.string, (None, 2)))
    rows = [{"a": 1, "b": ["x", "y"]}, {"a": 2, "b": ["z", "w"]}]
    arrays = tensor_json.decode({"instances": rows}, two)
    assert arrays["a"].tolist() == [1, 2]
    assert arrays["b"].tolist() == [[b"x", b"y"], [b"z", b"w"]]
    assert two.check(arrays) == 2
    rows[1] = {"a": 2, "b": ["z"]}
    with pytest.raises(refusal.Refusal, match="differ in length"):
        tensor_json.decode({"instances": rows}, two)


def test_names_that_end_in_bytes_are_base64():
    one = entry(image_bytes=(tf.string, (None,)))
    body = tensor_json.encode(
        {"instances": []}, one, {"image_bytes": np.array([b"a"], object)}
    )
    assert json.loads(body) == {"predictions": [{"b64": "YQ=="}]}
