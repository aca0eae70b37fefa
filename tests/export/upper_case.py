"""A SavedModel that translates by capitals, and a model that does the same."""

import types

import numpy as np
import tensorflow as tf

from shared_transformer_tf.export import in_memory


class UpperCase(tf.Module):
    """Text in, the same in capitals out; owns float and other variables."""

    def __init__(self, added=""):
        super().__init__()
        self.kernel = tf.Variable(tf.ones([3, 5]))
        self.bias = tf.Variable(tf.ones([7], tf.float16))
        self.counter = tf.Variable(tf.ones([100], tf.int64))
        self.added = added

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def translate(self, text):
        return {"translation": tf.strings.upper(text) + self.added}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def nbest(self, text):
        return {
            "translations": tf.stack([tf.strings.upper(text), text], 1),
            "scores": tf.tile([SCORES], [tf.size(text), 1]),
            "counts": tf.fill([tf.size(text)], 2),
        }

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([None], tf.float32),
            tf.TensorSpec([None], tf.int32),
        ]
    )
    def options(self, text, beam_size, length_penalty, max_length):
        return {
            "translation": tf.strings.upper(text),
            "score": SCORES[0] + 0.0 * length_penalty,
            "truncated": (beam_size < 0) | (max_length < 0),
        }

    def save(self, folder):
        signatures = {
            "serving_default": self.translate,
            "nbest": self.nbest,
            "options": self.options,
        }
        tf.saved_model.save(self, str(folder), signatures=signatures)
        return str(folder)


SCORES = [-1.5, -2.5]
FLOAT_BYTES = 4 * 15 + 2 * 7


def capitals(line):
    """Returns ASCII capitals, as the SavedModel gives."""
    return "".join(c.upper() if c.isascii() else c for c in line)


class UpperCaseInMemory:
    """Stands in for `InMemory`."""

    def __init__(self, *arguments):
        pass

    def translate(self, lines, options):
        return [capitals(line) for line in lines]

    def find(self, lines, options, num_best, limit=0):
        return [
            [
                in_memory.Found(text, score, score, False)
                for text, score in zip(
                    (capitals(line), line), SCORES, strict=True
                )
            ][:num_best]
            for line in lines
        ]


def model():
    """Returns what `parity_gate` looks at of a model."""
    return types.SimpleNamespace(
        weights=[
            _weight(np.ones([3, 5], "float32")),
            _weight(np.ones([7], "float16")),
            _weight(np.ones([100], "int64")),
        ]
    )


def _weight(value):
    return types.SimpleNamespace(numpy=lambda: value, dtype=str(value.dtype))
