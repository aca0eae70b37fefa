"""TensorFlow Serving's gRPC interface, as its clients use it."""

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    predict_pb2,
)

from tests.serving import running as running_lib


def refused(call, *arguments, **named):
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **named)
    return caught.value.code().name, caught.value.details()


@pytest.fixture
def stubs(running):
    with running.grpc() as stubs:
        yield stubs


def test_predict(stubs):
    outputs = stubs.predict({"text": [b"one", b"", b"a\x00b\x00", b"\xff"]})
    expected = [b"ONE|1", b"", b"A\x00B\x00|1", b"\xff|1"]
    assert outputs["translation"].tolist() == expected
    outputs = stubs.predict({"text": ["one"]}, "nbest", version=1)
    assert outputs["translations"].shape == (1, 3)
    assert outputs["scores"].dtype == np.float32
    assert stubs.predict({"x": np.float32(2)}, "scalar")["double"] == 4
    empty = {"text": np.array([], object)}
    assert stubs.predict(empty)["translation"].shape == (0,)


def test_predict_says_what_answered_and_filters_outputs(stubs):
    request = running_lib.message({"text": ["a"]}, "nbest")
    request.output_filter.append("counts")
    response = stubs.prediction.Predict(request)
    assert list(response.outputs) == ["counts"]
    assert response.model_spec.version.value == 1
    assert response.model_spec.signature_name == "nbest"
    request.output_filter.append("none")
    assert refused(stubs.prediction.Predict, request)[0] == "INVALID_ARGUMENT"


def test_larger_than_a_batch_is_cut_and_joined(stubs):
    texts = [f"text {i}" for i in range(150)]
    translated = stubs.predict({"text": texts})["translation"]
    assert translated.tolist() == [f"{x.upper()}|1".encode() for x in texts]


@pytest.mark.parametrize(
    ("inputs", "spec", "code", "message"),
    [
        ({"text": ["a"]}, {"name": "other"}, "NOT_FOUND", "'other'"),
        ({"text": ["a"]}, {"version": 9}, "NOT_FOUND", "Version 9"),
        ({"text": ["a"]}, {"signature": "x"}, "INVALID_ARGUMENT", "'x'"),
        ({}, {}, "INVALID_ARGUMENT", "'text' is missing"),
        ({"text": [1]}, {}, "INVALID_ARGUMENT", "type int32"),
        ({"text": [["a"]]}, {}, "INVALID_ARGUMENT", "shape [1, 1]"),
        ({"text": "a"}, {}, "INVALID_ARGUMENT", "shape []"),
        ({"text": ["a"], "b": 1}, {}, "INVALID_ARGUMENT", "'b' is unknown"),
        ({"text": ["a"] * 2000}, {}, "OUT_OF_RANGE", "at most 1024"),
        ({"text": ["x"]}, {"signature": "parse"}, "INVALID_ARGUMENT", "x"),
    ],
)
def test_wrong_requests(stubs, inputs, spec, code, message):
    came, details = refused(stubs.predict, inputs, **spec)
    assert came == code
    assert message in details and "\n" not in details


def claims(*sizes, **fields):
    message = tf.make_tensor_proto(["a"])
    del message.tensor_shape.dim[:]
    for size in sizes:
        message.tensor_shape.dim.add().size = size
    for name, value in fields.items():
        setattr(message, name, value)
    return message


@pytest.mark.parametrize(
    "message",
    [
        claims(10**12),
        claims(2**62, 4),
        claims(-1),
        claims(5),
        claims(1, dtype=99),
        claims(1, dtype=tf.variant.as_datatype_enum),
    ],
)
def test_lies_about_sizes_and_types_cost_nothing(stubs, message):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "translator"
    request.inputs["text"].CopyFrom(message)
    code, _ = refused(stubs.prediction.Predict, request)
    assert code in ("INVALID_ARGUMENT", "OUT_OF_RANGE")


def test_deadline_is_heeded(stubs):
    turns = {"turns": [10_000_000]}
    code, _ = refused(stubs.predict, turns, "slow", timeout=0.3)
    assert code == "DEADLINE_EXCEEDED"


def test_status(stubs):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "translator"
    (state,) = stubs.model.GetModelStatus(request).model_version_status
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    assert (state.version, state.state) == (1, available)
    request.model_spec.version.value = 5
    assert refused(stubs.model.GetModelStatus, request)[0] == "NOT_FOUND"
    request.model_spec.name = "other"
    assert refused(stubs.model.GetModelStatus, request)[0] == "NOT_FOUND"


def test_metadata(stubs):
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = "translator"
    call = stubs.prediction.GetModelMetadata
    assert refused(call, request)[0] == "INVALID_ARGUMENT"
    request.metadata_field.append("signature_def")
    definitions = get_model_metadata_pb2.SignatureDefMap()
    assert call(request).metadata["signature_def"].Unpack(definitions)
    outputs = definitions.signature_def["options"].outputs
    assert set(outputs) == {"translation", "score", "truncated"}


def test_other_methods_and_labels_are_refused(stubs):
    from tensorflow_serving.apis import classification_pb2

    request = classification_pb2.ClassificationRequest()
    assert refused(stubs.prediction.Classify, request)[0] == "UNIMPLEMENTED"
    request = running_lib.message({"text": ["a"]})
    request.model_spec.version_label = "stable"
    assert refused(stubs.prediction.Predict, request)[0] == "INVALID_ARGUMENT"


def test_a_bug_is_internal_and_logged(running, stubs, monkeypatch, caplog):
    monkeypatch.setattr(running.server.manager, "current", "no version")
    monkeypatch.setattr(running.server.manager, "states", {1: "no state"})
    metadata = get_model_metadata_pb2.GetModelMetadataRequest()
    metadata.model_spec.name = "translator"
    status = get_model_status_pb2.GetModelStatusRequest()
    status.model_spec.name = "translator"
    for call, request in (
        (stubs.prediction.GetModelMetadata, metadata),
        (stubs.model.GetModelStatus, status),
    ):
        code, details = refused(call, request)
        assert code == "INTERNAL" and "logged" in details
    for path in ("", "/metadata"):
        answer = running.http("GET", f"/v1/models/translator{path}")
        assert answer[0] == 500 and "logged" in answer[2]["error"]
    assert [x.msg for x in caplog.records if x.name.endswith("serving")] == [
        "bug"
    ] * 4
