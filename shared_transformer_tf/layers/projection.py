"""Matrix products with weights, and how the weights begin."""

import keras
import tensorflow as tf

from shared_transformer_tf.layers import few_queries


def project(
    x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor | None = None
) -> tf.Tensor:
    """Returns `x @ kernel + bias` as one product of two matrices.

    Args:
        x: (batch, length, inputs) or, in a step of decoding, (rows, inputs);
            static in its last dimension.
        kernel: (inputs, outputs), cast to the dtype of `x`.
        bias: (outputs,) or `None`.

    Returns:
        (batch, length, outputs) or (rows, outputs).
    """
    kernel = tf.cast(kernel, x.dtype)
    if len(x.shape) == 2:
        rows = few_queries.product(x, kernel)
        if bias is not None:
            rows = tf.nn.bias_add(rows, tf.cast(bias, x.dtype))
        return rows
    shape = tf.shape(x)
    rows = tf.matmul(tf.reshape(x, [-1, x.shape[-1]]), kernel)
    if bias is not None:
        rows = tf.nn.bias_add(rows, tf.cast(bias, x.dtype))
    return tf.reshape(rows, [shape[0], shape[1], kernel.shape[-1]])


@keras.saving.register_keras_serializable(package="shared_transformer_tf")
class FusedGlorot(keras.initializers.Initializer):
    """Glorot uniform for several matrices that stand side by side.

    Each part begins as if it stood alone; a plain Glorot initializer would
    count the columns of all of them.

    Args:
        parts: matrices side by side on the last axis.
        gains: a factor for each of them.
    """

    def __init__(self, parts: int, gains: tuple[float, ...]):
        self.parts = parts
        self.gains = tuple(gains)

    def __call__(self, shape: tuple, dtype: str | None = None) -> tf.Tensor:
        """Returns the initial value."""
        inputs, outputs = shape
        part_shape = (inputs, outputs // self.parts)
        return keras.ops.concatenate(
            [
                gain * keras.initializers.GlorotUniform()(part_shape, dtype)
                for gain in self.gains
            ],
            axis=-1,
        )

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return {"parts": self.parts, "gains": self.gains}
