"""SavedModels without weights, with the signatures of an exported model."""

import pathlib

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

TEXT = tf.TensorSpec([None], tf.string, "text")
NUM_BEST = 3


def vector(dtype, name):
    return tf.TensorSpec([None], dtype, name)


class Toy(tf.Module):
    """Translates into capitals, a bar, and a tag that tells versions apart."""

    def __init__(self, tag):
        super().__init__()
        self.tag = tag

    def _translate(self, text):
        blank = tf.equal(tf.strings.strip(text), "")
        return tf.where(blank, "", tf.strings.upper(text) + f"|{self.tag}")

    @tf.function(input_signature=[TEXT])
    def serving_default(self, text):
        return {"translation": self._translate(text)}

    @tf.function(input_signature=[TEXT])
    def nbest(self, text):
        ranks = tf.range(NUM_BEST)
        translation = self._translate(text)[:, tf.newaxis]
        counts = tf.minimum(NUM_BEST, 1 + tf.strings.length(text))
        exists = ranks < counts[:, tf.newaxis]
        best = translation + "#" + tf.strings.as_string(ranks)
        best = tf.where(ranks > 0, best, translation)
        scores = -0.5 * tf.cast(ranks, tf.float32)
        return {
            "translations": tf.where(exists, best, ""),
            "scores": tf.where(exists, scores, -1e9),
            "counts": counts,
        }

    @tf.function(
        input_signature=[
            TEXT,
            vector(tf.int32, "beam_size"),
            vector(tf.float32, "length_penalty"),
            vector(tf.int32, "max_length"),
        ]
    )
    def options(self, text, beam_size, length_penalty, max_length):
        said = "~" + tf.strings.as_string(beam_size)
        return {
            "translation": self._translate(text) + said,
            "score": -length_penalty,
            "truncated": tf.strings.length(text) > max_length,
        }

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2], tf.int64, "whole"),
            tf.TensorSpec([None, None], tf.float32, "parts"),
            vector(tf.bool, "flag"),
        ]
    )
    def numbers(self, whole, parts, flag):
        total = tf.cast(tf.reduce_sum(whole, 1), tf.float32)
        total += tf.reduce_sum(parts, 1)
        return {"total": total / tf.cast(flag, tf.float32), "twice": 2 * whole}

    @tf.function(input_signature=[TEXT])
    def echo(self, text):
        return {"same": tf.identity(text)}

    @tf.function(input_signature=[TEXT])
    def parse(self, text):
        return {"number": tf.strings.to_number(text)}

    @tf.function(input_signature=[vector(tf.int32, "turns")])
    def slow(self, turns):
        most = tf.reduce_max(turns)
        # Nothing is known before; other tests may forbid unseeded numbers.
        condition = tf.random.stateless_uniform([], [1, 2]) < 2.0
        done = tf.while_loop(
            lambda i: tf.logical_and(i < most, condition),
            lambda i: [i + 1],
            [0],
            parallel_iterations=1,
        )
        return {"done": turns + 0 * done[0]}

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32, "x")])
    def scalar(self, x):
        return {"double": 2 * x}


NAMES = "serving_default nbest options numbers echo parse slow scalar".split()


def write(folder, tag="1", names=NAMES):
    """Writes a SavedModel; returns its folder."""
    model = Toy(tag)
    signatures = {name: getattr(model, name) for name in names}
    options = tf.saved_model.SaveOptions(function_aliases=None)
    tf.saved_model.save(model, str(folder), signatures, options)
    return pathlib.Path(folder)


def write_warmup(folder, inputs, signature=""):
    """Writes a warm-up file with one request for each of `inputs`."""
    path = pathlib.Path(folder, "assets.extra/tf_serving_warmup_requests")
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for values in inputs:
            log = prediction_log_pb2.PredictionLog()
            request = log.predict_log.request
            request.model_spec.signature_name = signature
            for name, value in values.items():
                message = tf.make_tensor_proto(value)
                request.inputs[name].CopyFrom(message)
            writer.write(log.SerializeToString())
