"""The translation model: two stacks that share sublayers by their plans."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from shared_transformer_tf import config as config_lib
from shared_transformer_tf import uses
from shared_transformer_tf.layers.decoding_state import DecodingState
from shared_transformer_tf.layers.masking import padding_bias
from shared_transformer_tf.models import parts
from shared_transformer_tf.training.losses import projected_token_losses
from shared_transformer_tf.training.model import NormalizedGradientModel

DecodingContext = tuple[list[tuple[tf.Tensor, tf.Tensor]], tf.Tensor]


@keras.saving.register_keras_serializable(package="shared_transformer_tf")
class SharedTransformer(NormalizedGradientModel):
    """An encoder-decoder Transformer whose layers share sublayer objects.

    Padding is id 0 at the end of a row; the model masks it itself.

    Args:
        vocabulary_size: of the source, and of the target unless that is
            given.
        target_vocabulary_size: of the target, where it differs.
        num_layers: depth of each stack; `decoder` says where that differs
            in this and the options up to `depth_embedding`.
        num_blocks: unique blocks of a stack; `None`: what `sharing` implies.
        sharing: a strategy (`none`, `universal`, `sequence`, `cycle`,
            `cycle_rev`, `sandwich`) or a schedule of block indices.
        shared_sublayers: kinds that follow the schedule: `"all"`, `"none"` or
            names of `self_attention`, `cross_attention`, `feed_forward`,
            `layer_norm`; each depth owns the others.
        unshared_first: bottom layers of a stack with a block of their own.
        unshared_last: top layers with a block of their own.
        activation: `relu`, `gelu` or `silu`.
        normalization: `"pre"` or `"post"`.
        residual_scale: see `Residual`.
        residual_lambda: of `"inverse_uses_sqrt_blocks"`.
        depth_embedding: a learned vector per depth.
        decoder: options of the above that differ in the decoder, such as
            `{"num_layers": 2, "sharing": "universal"}`.
        shared_with_decoder: kinds that the decoder takes from the encoder:
            `"none"`, `"all"` or names of `self_attention`, `feed_forward`.
        tied_embeddings: `"all"` one matrix for source, target and output,
            `"decoder"` one for target and output, `"none"` three.
        hidden_dim: width.
        num_heads: attention heads; must divide the width.
        intermediate_dim: width inside feed-forward sublayers.
        dropout: on embeddings and every sublayer's output.
        attention_dropout: on attention weights.
        activation_dropout: inside feed-forward sublayers.
        attention_gain: on the initial query, key and value projections; see
            `Stack`.
        recompute: keeps each layer's input alone for the backward pass.
        seed: of the dropout.

    Call arguments:
        inputs: `(source_ids, target_in)`, int32 (batch, source) and (batch,
            target). `target_in` begins with the start symbol.
        training: whether to drop.

    Returns:
        Logits (batch, target, target vocabulary).

    Raises:
        ValueError: if a schedule is impossible or a name is unknown.

    Example:
        model = SharedTransformer(
            vocabulary_size=8000, num_layers=6, num_blocks=3,
            sharing="cycle_rev", hidden_dim=256, num_heads=4,
            intermediate_dim=1024, dropout=0.1)
        logits = model((source_ids, target_in))

    Reference:
        "Understanding Parameter Sharing in Transformers", arXiv 2306.09380.
    """

    def __init__(
        self,
        vocabulary_size: int,
        *,
        target_vocabulary_size: int | None = None,
        num_layers: int = 6,
        num_blocks: int | None = None,
        sharing: str | Sequence[int] = "none",
        shared_sublayers: str | Iterable[str] = "all",
        unshared_first: int = 0,
        unshared_last: int = 0,
        activation: str = "relu",
        normalization: str = "pre",
        residual_scale: str = "none",
        residual_lambda: float = 1.0,
        depth_embedding: bool = False,
        decoder: Mapping[str, Any] | None = None,
        shared_with_decoder: str | Iterable[str] = "none",
        tied_embeddings: str = "all",
        hidden_dim: int = 512,
        num_heads: int = 8,
        intermediate_dim: int = 2048,
        dropout: float = 0.1,
        attention_dropout: float = 0.0,
        activation_dropout: float = 0.0,
        attention_gain: float = 1.0,
        recompute: bool = False,
        seed: int | None = None,
        **kwargs,
    ):
        arguments = dict(locals())
        super().__init__(**kwargs)
        for name in ("self", "kwargs", "__class__"):
            del arguments[name]
        arguments["decoder"] = dict(decoder or {})
        self._arguments = arguments
        self.hidden_dim = hidden_dim
        self.num_heads = num_heads
        self.source_vocabulary_size = vocabulary_size
        self.target_vocabulary_size = target_vocabulary_size or vocabulary_size
        self.source_embedding, self.target_embedding = parts.make_embeddings(
            arguments, self.dtype_policy
        )
        self.target_tokens = self.target_embedding.tokens
        self.encoder, self.decoder = parts.make_stacks(
            arguments, self.dtype_policy
        )
        self.build(((None, None), (None, None)))

    def build(self, input_shape: tuple) -> None:
        """Creates every weight for inputs of two (batch, length) shapes."""
        source_shape, target_shape = input_shape
        self.source_embedding.build(source_shape)
        self.target_embedding.build(target_shape)
        self.encoder.build((*source_shape, self.hidden_dim))
        self.decoder.build((*target_shape, self.hidden_dim))
        self.built = True

    def call(
        self,
        inputs: tuple[tf.Tensor, tf.Tensor],
        training: bool | None = None,
    ) -> tf.Tensor:
        """See the class."""
        hidden = self._hidden(inputs, training)
        return self.target_tokens(hidden, reverse=True)

    def _hidden(self, inputs, training) -> tf.Tensor:
        source_ids, target_in = inputs
        memory, memory_bias = self._encode(source_ids, training)
        x = self.target_embedding(target_in, training=training)
        return self.decoder(
            x, memory=memory, memory_bias=memory_bias, training=training
        )  # (batch, target, hidden)

    def _encode(self, source_ids, training) -> tuple[tf.Tensor, tf.Tensor]:
        x = self.source_embedding(source_ids, training=training)
        bias = padding_bias(source_ids != config_lib.PAD_ID, x.dtype)
        return self.encoder(x, bias=bias, training=training), bias

    def encode(
        self, source_ids: tf.Tensor, training: bool = False
    ) -> tf.Tensor:
        """Returns (batch, source, hidden) of `source_ids` (batch, source)."""
        return self._encode(source_ids, training)[0]

    def token_losses(self, inputs, targets, label_smoothing, training):
        """Fuses loss and output projection; see the base class."""
        hidden = self._hidden(inputs, training)
        with uses.using("output"):
            kernel = self.output_kernel()
        return projected_token_losses(
            hidden, kernel, targets, label_smoothing, self.wants_static_shapes
        )

    def output_kernel(self) -> tf.Tensor:
        """Returns the output projection (target vocabulary, hidden)."""
        if self.target_tokens.tie_weights:
            return tf.convert_to_tensor(self.target_tokens.embeddings)
        return tf.transpose(self.target_tokens.reverse_embeddings)

    def start_decoding(self, source_ids: tf.Tensor) -> DecodingContext:
        """Encodes and projects what every decoding step needs.

        Args:
            source_ids: int32 (batch, source), 0 pads.

        Returns:
            Cross-attention keys and values of each *unique* block, (batch,
            heads, source, head), and the bias that masks padding.
        """
        memory, bias = self._encode(source_ids, False)
        return self.decoder.project_memory(memory), bias

    def initial_state(
        self, batch_size: int | tf.Tensor, num_beams: int | tf.Tensor
    ) -> DecodingState:
        """Returns the decoder's memory before the first step."""
        return self.decoder.empty_state(batch_size, num_beams, self.hidden_dim)

    def step_function(
        self, num_steps: int
    ) -> Callable[..., tuple[tf.Tensor, tf.Tensor, DecodingState]]:
        """Returns the function that predicts the next token of every beam.

        What is the same in all steps is computed here, once: make it outside
        the loop, for each search.

        Args:
            num_steps: steps at most.

        Returns:
            A function of `ids`, int32 (batch, beams), the newest token;
            `position`, int32 scalar, its position, 0 for the start symbol;
            `state`, of `initial_state` or the previous step; `context`, of
            `start_decoding`. It returns logits, float32 (batch, beams,
            vocabulary); the last layer's cross-attention averaged over
            heads, float32 (batch, beams, source); the new state.
        """
        weights = self.target_embedding.weights + self.decoder.weights
        positions = tf.constant(self.target_embedding.position_table(num_steps))
        # (hidden, vocabulary): a product with the transposed takes longer
        kernel = tf.transpose(self.output_kernel())
        kernel = tf.cast(kernel, self.compute_dtype)

        def step(ids, position, state, context):
            keys_values, bias = context
            # Read once a step, however many layers use them. What a loop
            # gets from outside passes through three nodes in each step.
            read = [
                (weight, tf.convert_to_tensor(weight)) for weight in weights
            ]
            with keras.StatelessScope(state_mapping=read):
                x = self.target_embedding.embed_at(
                    tf.reshape(ids, [-1]), positions[position]
                )  # (batch * beams, hidden)
                x, state, attention = self.decoder.decode(
                    x, state, keys_values, bias
                )
            logits = tf.reshape(
                tf.cast(tf.matmul(x, kernel), tf.float32),
                [-1, state.num_beams, kernel.shape[1]],
            )
            attention = tf.reduce_mean(tf.cast(attention, tf.float32), axis=1)
            return logits, attention, state

        return step

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return super().get_config() | self._arguments
