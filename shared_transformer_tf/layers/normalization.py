"""Layer norms."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="shared_transformer_tf")
class LayerNorm(keras.layers.LayerNormalization):
    """Keras' layer norm; for the rows of a decoding step, in fewer operations.

    What a step of decoding takes is mostly the number of its operations.
    """

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Normalises the last dimension.

        Args:
            x: (batch, length, hidden) or, in a step of decoding, (rows,
                hidden).
        """
        if len(x.shape) > 2:
            return super().call(x)
        dtype = tf.as_dtype(x.dtype)
        x = tf.cast(x, tf.float32)
        x -= tf.reduce_mean(x, -1, keepdims=True)
        variance = tf.reduce_mean(tf.square(x), -1, keepdims=True)
        x *= tf.math.rsqrt(variance + self.epsilon)
        scale, shift = (tf.cast(y, tf.float32) for y in (self.gamma, self.beta))
        return tf.cast(x * scale + shift, dtype)
