"""The position-wise feed-forward sublayer."""

import keras
import tensorflow as tf

from shared_transformer_tf.layers import projection
from shared_transformer_tf.layers.dropout import dropout


@keras.saving.register_keras_serializable(package="shared_transformer_tf")
class FeedForward(keras.layers.Layer):
    """Two projections with an activation between them.

    Args:
        intermediate_dim: width between the projections.
        activation: name of a Keras activation.
        dropout: rate after the activation.
        initial_gain: factor on the initial kernels (DeepNorm's beta).

    Call arguments:
        x: (batch, length, hidden).
        seed: int32 (2,) of the dropout; `None` drops nothing.

    Returns:
        (batch, length, hidden).
    """

    def __init__(
        self,
        intermediate_dim: int,
        *,
        activation: str = "relu",
        dropout: float = 0.0,
        initial_gain: float = 1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.intermediate_dim = intermediate_dim
        self.activation = keras.activations.get(activation)
        self.dropout = dropout
        self.initial_gain = initial_gain

    def build(self, input_shape: tuple) -> None:
        """Creates the projections for inputs (batch, length, hidden)."""
        hidden_dim = input_shape[-1]
        initializer = projection.FusedGlorot(1, (self.initial_gain,))
        self.intermediate_kernel = self.add_weight(
            name="intermediate_kernel",
            shape=(hidden_dim, self.intermediate_dim),
            initializer=initializer,
        )
        self.intermediate_bias = self.add_weight(
            name="intermediate_bias",
            shape=(self.intermediate_dim,),
            initializer="zeros",
        )
        self.output_kernel = self.add_weight(
            name="output_kernel",
            shape=(self.intermediate_dim, hidden_dim),
            initializer=initializer,
        )
        self.output_bias = self.add_weight(
            name="output_bias", shape=(hidden_dim,), initializer="zeros"
        )
        self.built = True

    def call(self, x: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        """See the class."""
        x = projection.project(
            x, self.intermediate_kernel, self.intermediate_bias
        )  # (batch, length, intermediate)
        x = dropout(self.activation(x), self.dropout, seed)
        return projection.project(x, self.output_kernel, self.output_bias)

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return super().get_config() | {
            "intermediate_dim": self.intermediate_dim,
            "activation": keras.activations.serialize(self.activation),
            "dropout": self.dropout,
            "initial_gain": self.initial_gain,
        }
