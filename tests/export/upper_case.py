"""A SavedModel that translates by capitals, and a model that does the same."""

import types

import numpy as np
import tensorflow as tf


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

    def save(self, folder):
        signatures = {"serving_default": self.translate}
        tf.saved_model.save(self, str(folder), signatures=signatures)
        return str(folder)


FLOAT_BYTES = 4 * 15 + 2 * 7


def in_memory(*arguments):
    """Stands in for a `Translator`: ASCII capitals, as the SavedModel."""
    return lambda lines: [
        "".join(c.upper() if c.isascii() else c for c in line) for line in lines
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
