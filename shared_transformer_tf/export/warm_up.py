"""Requests that a server answers to itself before it serves a model.

The first call of a graph of some shape is slow. TensorFlow Serving replays
the file `assets.extra/tf_serving_warmup_requests` while it loads a version; a
request that fails makes the loading fail.
"""

import os
import pathlib

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

FILE = "assets.extra/tf_serving_warmup_requests"
_LINES = ("A man rides a bike.", "one", "", "two of them, and so on, and on")
_BATCHES = (1, 4, 32)


def write(folder: str | os.PathLike) -> None:
    """Writes the requests of a version.

    Args:
        folder: the version's, with the signatures of `Signatures`.
    """
    path = pathlib.Path(folder, FILE)
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as file:
        for rows in _BATCHES:
            for signature, inputs in _inputs(rows).items():
                file.write(_record(signature, inputs))


def _inputs(rows: int) -> dict[str, dict[str, tf.Tensor]]:
    text = tf.constant([_LINES[row % len(_LINES)] for row in range(rows)])
    options = {
        "beam_size": tf.fill([rows], 4),
        "length_penalty": tf.fill([rows], 1.0),
        "max_length": tf.fill([rows], 40),
    }
    return {
        "serving_default": {"text": text},
        "nbest": {"text": text},
        "options": {"text": text, **options},
    }


def _record(signature: str, inputs: dict[str, tf.Tensor]) -> bytes:
    request = predict_pb2.PredictRequest()
    request.model_spec.signature_name = signature
    for name, tensor in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(tensor.numpy()))
    log = prediction_log_pb2.PredictLog(request=request)
    return prediction_log_pb2.PredictionLog(predict_log=log).SerializeToString()
