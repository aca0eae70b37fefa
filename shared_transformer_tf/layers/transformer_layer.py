"""One depth of a stack: residual connections around given sublayers."""

import dataclasses

import tensorflow as tf

from shared_transformer_tf.layers.attention import (
    CrossAttention,
    SelfAttention,
)
from shared_transformer_tf.layers.dropout import dropout, site_seed
from shared_transformer_tf.layers.feed_forward import FeedForward
from shared_transformer_tf.layers.normalization import LayerNorm
from shared_transformer_tf.layers.recomputation import recomputed

SITES = 6  # places that drop in one layer: two per sublayer


@dataclasses.dataclass(frozen=True)
class TransformerLayer:
    """References the sublayers that one depth uses; it owns no weights.

    The sublayers belong to a `Stack`, which may give the same objects to
    several depths. A call is a pure function of the weights, the seed and
    the inputs.

    Attributes:
        self_attention: the sublayer of that kind; likewise the next two.
        feed_forward: position-wise.
        cross_attention: `None` in an encoder.
        norms: layer norm of each sublayer, by the sublayer's kind.
        branch_scales: factor on each sublayer's output, by kind.
        skip_scale: factor on the residual connection.
        pre_norm: normalise a sublayer's input, else the sum behind it.
        dropout: rate on each sublayer's output.
    """

    self_attention: SelfAttention
    feed_forward: FeedForward
    cross_attention: CrossAttention | None
    norms: dict[str, LayerNorm]
    branch_scales: dict[str, float]
    skip_scale: float
    pre_norm: bool
    dropout: float

    def __call__(
        self,
        x: tf.Tensor,
        bias: tf.Tensor,
        memory: tf.Tensor | None = None,
        memory_bias: tf.Tensor | None = None,
        seed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Applies the layer to whole sequences.

        Args:
            x: (batch, length, hidden).
            bias: on the self-attention scores.
            memory: (batch, source, hidden), for cross-attention.
            memory_bias: on the cross-attention scores.
            seed: int32 (2,); `None` drops nothing.

        Returns:
            (batch, length, hidden).
        """

        def self_attend(y: tf.Tensor) -> tf.Tensor:
            return self.self_attention(y, bias=bias, seed=site_seed(seed, 0))

        def cross_attend(y: tf.Tensor) -> tf.Tensor:
            return self.cross_attention(
                y, memory, bias=memory_bias, seed=site_seed(seed, 2)
            )

        def feed_forward(y: tf.Tensor) -> tf.Tensor:
            return self.feed_forward(y, seed=site_seed(seed, 4))

        x = self._residual("self_attention", self_attend, x, seed, 1)
        if self.cross_attention is not None:
            x = self._residual("cross_attention", cross_attend, x, seed, 3)
        return self._residual("feed_forward", feed_forward, x, seed, 5)

    def recomputed(
        self,
        x: tf.Tensor,
        bias: tf.Tensor,
        memory: tf.Tensor | None = None,
        memory_bias: tf.Tensor | None = None,
        seed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """The call, keeping its tensors alone for the backward pass."""
        given = {"bias": bias, "memory": memory, "memory_bias": memory_bias}
        named = {name: one for name, one in given.items() if one is not None}

        def call(x, *tensors, seed):
            return self(x, seed=seed, **dict(zip(named, tensors, strict=True)))

        inputs = [x, *named.values()]
        sublayers = [self.self_attention, self.feed_forward]
        sublayers += self.norms.values()
        if self.cross_attention is not None:
            sublayers.append(self.cross_attention)
        return recomputed(call, sublayers, inputs, seed)

    def decode(
        self,
        x: tf.Tensor,
        cache: tuple[tf.Tensor, tf.Tensor],
        bias: tf.Tensor | None,
        keys_values: tuple[tf.Tensor, tf.Tensor],
        memory_bias: tf.Tensor,
        num_beams: int | tf.Tensor,
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor], tf.Tensor]:
        """Applies the layer to one new position of every beam.

        Args:
            x: (batch * beams, hidden).
            cache: of this depth's self-attention; see `SelfAttention.decode`.
            bias: on its scores.
            keys_values: of the cross-attention's memory.
            memory_bias: on the cross-attention scores.
            num_beams: beams of a row of the batch.

        Returns:
            (batch * beams, hidden), the longer cache, and the cross-attention
            weights (batch, heads, beams, source).
        """
        kept = {}

        def self_attend(y: tf.Tensor) -> tf.Tensor:
            y, kept["cache"] = self.self_attention.decode(
                y, cache, bias, num_beams
            )
            return y

        def cross_attend(y: tf.Tensor) -> tf.Tensor:
            y, kept["attention"] = self.cross_attention.decode(
                y, keys_values, memory_bias, num_beams
            )
            return y

        x = self._residual("self_attention", self_attend, x)
        x = self._residual("cross_attention", cross_attend, x)
        x = self._residual("feed_forward", self.feed_forward, x)
        return x, kept["cache"], kept["attention"]

    def _residual(self, kind, sublayer, x, seed=None, site=0):
        norm = self.norms[kind]
        y = sublayer(norm(x) if self.pre_norm else x)
        y = dropout(y, self.dropout, site_seed(seed, site))
        if self.branch_scales[kind] != 1:
            y *= tf.cast(self.branch_scales[kind], y.dtype)
        if self.skip_scale != 1:
            x *= tf.cast(self.skip_scale, x.dtype)
        x += y
        return x if self.pre_norm else norm(x)
