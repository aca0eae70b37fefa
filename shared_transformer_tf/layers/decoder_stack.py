"""A decoder's stack, which can also go one position at a time."""

import keras
import tensorflow as tf

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

    def decode(
        self,
        x: tf.Tensor,
        caches: list[tuple[tf.Tensor, tf.Tensor]],
        keys_values: list[tuple[tf.Tensor, tf.Tensor]],
        memory_bias: tf.Tensor,
    ) -> tuple[tf.Tensor, list[tuple[tf.Tensor, tf.Tensor]], tf.Tensor]:
        """Applies the stack to one new position of every beam.

        Args:
            x: (batch, beams, hidden).
            caches: keys and values of each *depth*'s self-attention.
            keys_values: of `project_memory`.
            memory_bias: on the cross-attention scores.

        Returns:
            (batch, beams, hidden), the longer caches, and the last depth's
            cross-attention weights (batch, heads, beams, source).
        """
        blocks = self.plan.schedules["cross_attention"]
        longer = []
        for depth, layer in enumerate(self.layers):
            x, cache, attention = layer.decode(
                self._enter(x, depth),
                caches[depth],
                keys_values[blocks[depth]],
                memory_bias,
            )
            longer.append(cache)
        if self.final_norm is not None:
            x = self.final_norm(x)
        return x, longer, attention
