"""A decoder's stack, which can also go one position at a time."""

import keras
import tensorflow as tf

from shared_transformer_tf.layers import decoding_state
from shared_transformer_tf.layers.decoding_state import DecodingState
from shared_transformer_tf.layers.stack import Stack


@keras.saving.register_keras_serializable(package="shared_transformer_tf")
class DecoderStack(Stack):
    """A `Stack` with cross-attention and a causal mask, for generation.

    Keys and values of the memory are projected once per *unique*
    cross-attention, while every depth keeps a self-attention cache.

    Args:
        *args: as of `Stack`.
        **kwargs: as of `Stack`.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs | {"decoder": True})

    def project_memory(
        self, memory: tf.Tensor
    ) -> list[tuple[tf.Tensor, tf.Tensor]]:
        """Returns keys and values of each *unique* cross-attention."""
        return [
            attention.project_memory(memory)
            for attention in self.cross_attentions
        ]

    def empty_state(
        self,
        batch_size: int | tf.Tensor,
        num_beams: int | tf.Tensor,
        hidden_dim: int,
    ) -> DecodingState:
        """Returns the state before the first position; see `decode`."""
        return decoding_state.empty_state(
            self.num_layers,
            batch_size,
            num_beams,
            (self.num_heads, hidden_dim // self.num_heads),
            self.compute_dtype,
        )

    def decode(
        self,
        x: tf.Tensor,
        state: DecodingState,
        keys_values: list[tuple[tf.Tensor, tf.Tensor]],
        memory_bias: tf.Tensor,
    ) -> tuple[tf.Tensor, DecodingState, tf.Tensor]:
        """Applies the stack to one new position of every beam.

        Args:
            x: (batch * beams, hidden).
            state: of `empty_state` or the position before.
            keys_values: of `project_memory`.
            memory_bias: on the cross-attention scores.

        Returns:
            (batch * beams, hidden), the state after it, and the last depth's
            cross-attention weights (batch, heads, beams, source).
        """
        blocks = self.plan.schedules["cross_attention"]
        state = state.with_new_position()
        bias = state.bias(x.dtype)
        longer = []
        for depth, layer in enumerate(self.layers):
            x, cache, attention = layer.decode(
                self._enter(x, depth),
                state.caches[depth],
                bias,
                keys_values[blocks[depth]],
                memory_bias,
                state.num_beams,
            )
            longer.append(cache)
        if self.final_norm is not None:
            x = self.final_norm(x)
        return x, state._replace(caches=longer), attention
