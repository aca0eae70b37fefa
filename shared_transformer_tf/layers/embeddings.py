"""From token ids to vectors, and back to logits."""

import keras
import keras_nlp
import numpy as np
import tensorflow as tf

from shared_transformer_tf.layers.dropout import dropout


@keras.saving.register_keras_serializable(package="shared_transformer_tf")
class SequenceEmbedding(keras.layers.Layer):
    """Scaled token embeddings plus sinusoidal positions.

    It references a `keras.layers.ReversibleEmbedding`, which several such
    layers may share: one matrix for source, target and output.

    Args:
        tokens: the embedding matrix.
        dropout: rate on the sum.
        seed: of the dropout.

    Call arguments:
        ids: int32 (batch, length).
        start_index: position of the first id.
        training: whether to drop.

    Returns:
        (batch, length, hidden).
    """

    def __init__(
        self,
        tokens: keras.layers.ReversibleEmbedding,
        *,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.tokens = tokens
        self.dropout = dropout
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        # float32: bfloat16 cannot tell position 256 from 257
        self.positions = keras_nlp.layers.SinePositionEncoding(
            name="positions", dtype="float32"
        )

    def build(self, input_shape: tuple) -> None:
        """Creates the embedding matrix."""
        if not self.tokens.built:
            self.tokens.build(input_shape)
        self.positions.build((*input_shape, self.tokens.output_dim))
        self.built = True

    def call(
        self,
        ids: tf.Tensor,
        start_index: int | tf.Tensor = 0,
        training: bool | None = None,
    ) -> tf.Tensor:
        """See the class."""
        x = self.tokens(ids)  # (batch, length, hidden)
        x *= tf.cast(self.tokens.output_dim**0.5, x.dtype)
        one_row = tf.cast(x[:1], tf.float32)
        positions = self.positions(one_row, start_index=start_index)
        x += tf.cast(positions, x.dtype)
        if training and self.dropout:
            seed = tf.cast(self.seed_generator.next(), tf.int32)
            x = dropout(x, self.dropout, seed)
        return x

    def position_table(self, length: int) -> np.ndarray:
        """Returns the vectors of the first positions, (length, hidden)."""
        with tf.init_scope():  # numbers, also while a graph is traced
            like = tf.zeros([1, length, self.tokens.output_dim])
            table = self.positions(like)[0]
            return tf.cast(table, self.compute_dtype).numpy()

    def embed_at(self, ids: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
        """Returns tokens that all stand at one position, (rows, hidden).

        Args:
            ids: int32 (rows,).
            position: (hidden,), a row of `position_table`.
        """
        x = self.tokens(ids)
        return x * tf.cast(self.tokens.output_dim**0.5, x.dtype) + position

    def compute_output_shape(self, input_shape: tuple, **_) -> tuple:
        """Returns (batch, length, hidden)."""
        return (*input_shape, self.tokens.output_dim)

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return super().get_config() | {
            "tokens": keras.saving.serialize_keras_object(self.tokens),
            "dropout": self.dropout,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict) -> "SequenceEmbedding":
        """Returns the layer that `get_config` describes."""
        tokens = keras.saving.deserialize_keras_object(config["tokens"])
        return cls(**config | {"tokens": tokens})


def make_token_embeddings(
    tied: str,
    source_size: int,
    target_size: int,
    hidden_dim: int,
    dtype: str | keras.DTypePolicy,
) -> tuple[keras.layers.ReversibleEmbedding, keras.layers.ReversibleEmbedding]:
    """Returns the embeddings of source and target, maybe the same object.

    Args:
        tied: `"all"` one matrix for source, target and output, `"decoder"`
            one for target and output, `"none"` three.
        source_size: pieces of the source vocabulary.
        target_size: pieces of the target vocabulary.
        hidden_dim: width.
        dtype: or policy.

    Raises:
        ValueError: if the name is unknown or the sizes cannot be tied.
    """
    if tied not in ("all", "decoder", "none"):
        raise ValueError(
            f"`tied_embeddings` is {tied!r}; choose 'all', 'decoder' or 'none'."
        )
    if tied == "all" and source_size != target_size:
        raise ValueError(
            "One embedding matrix needs one vocabulary, but the source has "
            f"{source_size} pieces and the target {target_size}: set "
            "`tied_embeddings` to 'decoder', or train a joint tokenizer."
        )

    def make(name: str, size: int, tie_weights: bool):
        return keras.layers.ReversibleEmbedding(
            size,
            hidden_dim,
            tie_weights=tie_weights,
            embeddings_initializer=keras.initializers.RandomNormal(
                stddev=hidden_dim**-0.5
            ),
            name=name,
            dtype=dtype,
        )

    target = make("target_tokens", target_size, tied != "none")
    if tied == "all":
        return target, target
    return make("source_tokens", source_size, True), target
