"""Multi-head attention with fused projections and explicit caches.

Why not keras_nlp's `CachedMultiHeadAttention`: it takes twice as long, forward
and backward, at the size of Multi30k tiny (`bin/benchmark.py attention`), and
it cannot keep cross-attention keys per unique block.
"""

import keras
import tensorflow as tf

from shared_transformer_tf.layers import few_queries, head_layout, projection
from shared_transformer_tf.layers.dropout import dropout


class _Attention(keras.layers.Layer):
    """What self- and cross-attention have in common."""

    def __init__(
        self,
        num_heads: int,
        *,
        dropout: float = 0.0,
        initial_gain: float = 1.0,
        attention_gain: float = 1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.dropout = dropout
        self.initial_gain = initial_gain
        self.attention_gain = attention_gain

    def build(self, input_shape: tuple) -> None:
        """Creates the projections for inputs (batch, length, hidden)."""
        hidden_dim = input_shape[-1]
        if hidden_dim % self.num_heads:
            raise ValueError(
                f"`num_heads`={self.num_heads} does not divide the width of "
                f"the inputs, {hidden_dim}."
            )
        self._build_projections(hidden_dim)
        self.output_kernel = self.add_weight(
            name="output_kernel",
            shape=(hidden_dim, hidden_dim),
            initializer=projection.FusedGlorot(1, (self.initial_gain,)),
        )
        self.output_bias = self.add_weight(
            name="output_bias", shape=(hidden_dim,), initializer="zeros"
        )
        self.head_scale = (hidden_dim // self.num_heads) ** -0.5
        self.built = True

    def attend(
        self,
        query: tf.Tensor,
        key: tf.Tensor,
        value: tf.Tensor,
        bias: tf.Tensor | None = None,
        seed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Scaled dot-product attention.

        Args:
            query: (..., heads, query, head).
            key: (..., heads, key, head).
            value: as `key`.
            bias: added to the scores, broadcast to them.
            seed: of the dropout on attention weights; `None` drops nothing.

        Returns:
            The mixed values, shaped like `query`, and the attention weights
            (..., heads, query, key).
        """
        query *= tf.cast(self.head_scale, query.dtype)
        scores = tf.matmul(query, key, transpose_b=True)
        if bias is not None:
            scores += bias
        weights = tf.nn.softmax(scores)
        return tf.matmul(dropout(weights, self.dropout, seed), value), weights

    def project_output(self, x: tf.Tensor) -> tf.Tensor:
        """Mixes the heads: (..., hidden) to the same."""
        return projection.project(x, self.output_kernel, self.output_bias)

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return super().get_config() | {
            "num_heads": self.num_heads,
            "dropout": self.dropout,
            "initial_gain": self.initial_gain,
            "attention_gain": self.attention_gain,
        }


@keras.saving.register_keras_serializable(package="shared_transformer_tf")
class SelfAttention(_Attention):
    """Attention of a sequence to itself.

    Query, key and value are one matrix product. Masking is the caller's, as
    a `bias` on the scores (`masking.padding_bias`,
    `masking.causal_bias`).

    Args:
        num_heads: heads; must divide the width of the inputs.
        dropout: rate on the attention weights.
        initial_gain: factor on the initial value and output projections
            (DeepNorm's beta).
        attention_gain: another, on the initial query, key and value
            projections; see `Stack`.

    Call arguments:
        x: (batch, length, hidden).
        bias: added to the scores, broadcast to (batch, heads, query, key).
        seed: int32 (2,) of the dropout; `None` drops nothing.

    Returns:
        (batch, length, hidden).

    Reference:
        Vaswani et al., arXiv 1706.03762.
    """

    def _build_projections(self, hidden_dim: int) -> None:
        gain = self.attention_gain
        self.kernel = self.add_weight(
            name="query_key_value_kernel",
            shape=(hidden_dim, 3 * hidden_dim),
            initializer=projection.FusedGlorot(
                3, (gain, gain, gain * self.initial_gain)
            ),
        )
        self.bias = self.add_weight(
            name="query_key_value_bias",
            shape=(3 * hidden_dim,),
            initializer="zeros",
        )

    def call(
        self,
        x: tf.Tensor,
        bias: tf.Tensor | None = None,
        seed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """See the class."""
        fused = projection.project(x, self.kernel, self.bias)
        shape = tf.shape(x)
        head_dim = x.shape[-1] // self.num_heads
        fused = tf.reshape(
            fused, [shape[0], shape[1], 3, self.num_heads, head_dim]
        )
        # each (batch, heads, length, head)
        query, key, value = tf.unstack(
            tf.transpose(fused, [2, 0, 3, 1, 4]), num=3
        )
        mixed, _ = self.attend(query, key, value, bias, seed)
        return self.project_output(head_layout.join_heads(mixed))

    def decode(
        self,
        x: tf.Tensor,
        cache: tuple[tf.Tensor, tf.Tensor],
        bias: tf.Tensor | None,
        num_beams: int | tf.Tensor,
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        """Attends from a new position of each beam; see `DecodingState`.

        Args:
            x: (batch * beams, hidden), the new position of every beam.
            cache: keys and values so far, (batch, heads, past * beams, head).
            bias: hides what other beams wrote, broadcast to (batch, heads,
                beams, (past + 1) * beams); `None` hides nothing.
            num_beams: beams of a row of the batch.

        Returns:
            (batch * beams, hidden), and the cache one position longer.
        """
        fused = projection.project(x, self.kernel, self.bias)
        query, key, value = head_layout.by_head(
            fused, num_beams, self.num_heads, parts=3
        )
        key = tf.concat([cache[0], key], axis=2)
        value = tf.concat([cache[1], value], axis=2)
        mixed, _ = few_queries.attend(query * self.head_scale, key, value, bias)
        mixed = head_layout.by_position(mixed)
        return self.project_output(mixed), (key, value)


@keras.saving.register_keras_serializable(package="shared_transformer_tf")
class CrossAttention(_Attention):
    """Attention of a sequence to another, whose keys may be kept.

    Keys and values depend only on weights and memory, so decoding computes
    them once per layer *object*, however many depths use it.

    Args:
        num_heads: heads; must divide the width of the inputs.
        dropout: rate on the attention weights.
        initial_gain: factor on the initial value and output projections.
        attention_gain: another, on the initial query, key and value
            projections; see `Stack`.

    Call arguments:
        x: (batch, query, hidden).
        memory: (batch, source, hidden).
        bias: added to the scores, broadcast to (batch, heads, query, source).
        seed: int32 (2,) of the dropout; `None` drops nothing.

    Returns:
        (batch, query, hidden).
    """

    def _build_projections(self, hidden_dim: int) -> None:
        gain = self.attention_gain
        self.query_kernel = self.add_weight(
            name="query_kernel",
            shape=(hidden_dim, hidden_dim),
            initializer=projection.FusedGlorot(1, (gain,)),
        )
        self.query_bias = self.add_weight(
            name="query_bias", shape=(hidden_dim,), initializer="zeros"
        )
        self.kernel = self.add_weight(
            name="key_value_kernel",
            shape=(hidden_dim, 2 * hidden_dim),
            initializer=projection.FusedGlorot(
                2, (gain, gain * self.initial_gain)
            ),
        )
        self.bias = self.add_weight(
            name="key_value_bias",
            shape=(2 * hidden_dim,),
            initializer="zeros",
        )

    def call(
        self,
        x: tf.Tensor,
        memory: tf.Tensor,
        bias: tf.Tensor | None = None,
        seed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """See the class."""
        query = head_layout.split_heads(
            projection.project(x, self.query_kernel, self.query_bias),
            self.num_heads,
        )
        keys_values = self.project_memory(memory)
        mixed, _ = self.attend(query, *keys_values, bias, seed)
        return self.project_output(head_layout.join_heads(mixed))

    def project_memory(self, memory: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns keys and values, each (batch, heads, source, head)."""
        key, value = tf.split(
            projection.project(memory, self.kernel, self.bias), 2, axis=-1
        )
        return head_layout.split_heads(
            key, self.num_heads
        ), head_layout.split_heads(value, self.num_heads)

    def decode(
        self,
        x: tf.Tensor,
        keys_values: tuple[tf.Tensor, tf.Tensor],
        bias: tf.Tensor | None,
        num_queries: int | tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Attends to projected memory, from positions or from beams.

        Args:
            x: (batch * queries, hidden).
            keys_values: of `project_memory`.
            bias: as in a call.
            num_queries: queries of a row of the batch.

        Returns:
            (batch * queries, hidden) and the attention weights
            (batch, heads, queries, source).
        """
        query = projection.project(x, self.query_kernel, self.query_bias)
        (query,) = head_layout.by_head(query, num_queries, self.num_heads)
        mixed, weights = few_queries.attend(
            query * self.head_scale, *keys_values, bias
        )
        mixed = head_layout.by_position(mixed)
        return self.project_output(mixed), weights
