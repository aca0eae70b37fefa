"""A stack that owns unique sublayers and calls them by its sharing plan."""

from collections.abc import Iterable, Sequence

import keras
import tensorflow as tf

from shared_transformer_tf import sharing as sharing_lib
from shared_transformer_tf.layers.attention import (
    CrossAttention,
    SelfAttention,
)
from shared_transformer_tf.layers.dropout import site_seed
from shared_transformer_tf.layers.feed_forward import FeedForward
from shared_transformer_tf.layers.masking import causal_bias
from shared_transformer_tf.layers.normalization import LayerNorm
from shared_transformer_tf.layers.residual import Residual
from shared_transformer_tf.layers.sublayers import make_norms, make_sublayers
from shared_transformer_tf.layers.transformer_layer import (
    SITES,
    TransformerLayer,
)


@keras.saving.register_keras_serializable(package="shared_transformer_tf")
class Stack(keras.layers.Layer):
    """Transformer layers that share sublayer objects across depth.

    Each unique sublayer is built once, named by its block, and called at
    every depth that the plan gives it. Weights of the stack are therefore
    those of its plan, in memory and on disk.

    Args:
        num_layers: depth.
        num_blocks: unique blocks; `None`: what `sharing` implies.
        sharing: a strategy name or a schedule of block indices; see
            `sharing.make_schedule`.
        num_heads: attention heads.
        intermediate_dim: width inside the feed-forward sublayer.
        decoder: whether layers attend to a memory too; the default causal
            mask goes with it.
        causal: whether a position sees only itself and those before it;
            `None`: as `decoder`.
        shared_sublayers: kinds that follow the schedule, `"all"` or names;
            each depth owns the others.
        unshared_first: bottom layers that own their sublayers.
        unshared_last: top layers that own theirs.
        activation: of the feed-forward sublayer.
        normalization: `"pre"` (then the stack ends with a layer norm of its
            own) or `"post"`.
        residual_scale: factors on the residual branches; see `Residual`.
        residual_lambda: of `"inverse_uses_sqrt_blocks"`.
        depth_embedding: adds a learned vector per depth (Universal
            Transformer, arXiv 1807.03819).
        dropout: rate on every sublayer's output.
        attention_dropout: rate on attention weights.
        activation_dropout: rate inside the feed-forward sublayer.
        attention_gain: factor on the initial query, key and value
            projections; 2 ** -0.5 is Glorot's of the three as one matrix,
            which PyTorch's and fairseq's attention begin with.
        borrowed: sublayers of another stack to use instead of own ones, by
            kind: encoder-decoder sharing.
        uses_elsewhere: how often another stack uses each sublayer, by kind,
            where it shares them; counts in `residual_scale`.
        recompute: keeps each layer's input alone for the backward pass and
            computes the rest again: less memory, more time.
        seed: of the dropout.

    Call arguments:
        x: (batch, length, hidden).
        bias: added to the self-attention scores, broadcast to (batch, heads,
            length, length); see `masking.padding_bias`.
        memory: (batch, source, hidden), of a decoder.
        memory_bias: as `bias`, for the cross-attention.
        training: whether to drop.

    Returns:
        (batch, length, hidden).

    Example:
        stack = Stack(6, 3, "cycle_rev", num_heads=4, intermediate_dim=512)
        y = stack(keras.random.normal((2, 7, 128)))  # three blocks, used twice
    """

    def __init__(
        self,
        num_layers: int,
        num_blocks: int | None = None,
        sharing: str | Sequence[int] = "none",
        *,
        num_heads: int,
        intermediate_dim: int,
        decoder: bool = False,
        causal: bool | None = None,
        shared_sublayers: str | Iterable[str] = "all",
        unshared_first: int = 0,
        unshared_last: int = 0,
        activation: str = "relu",
        normalization: str = "pre",
        residual_scale: str = "none",
        residual_lambda: float = 1.0,
        depth_embedding: bool = False,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        activation_dropout: float = 0.0,
        attention_gain: float = 1.0,
        borrowed: dict[str, list] | None = None,
        uses_elsewhere: dict[str, Sequence[int]] | None = None,
        recompute: bool = False,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_layers = num_layers
        self.num_blocks = num_blocks
        self.sharing = sharing
        self.num_heads = num_heads
        self.intermediate_dim = intermediate_dim
        self.decoder = decoder
        self.causal = decoder if causal is None else causal
        self.shared_sublayers = shared_sublayers
        self.unshared_first = unshared_first
        self.unshared_last = unshared_last
        self.activation = activation
        self.normalization = normalization
        self.residual_scale = residual_scale
        self.residual_lambda = residual_lambda
        self.depth_embedding = depth_embedding
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.activation_dropout = activation_dropout
        self.attention_gain = attention_gain
        self.uses_elsewhere = dict(uses_elsewhere or {})
        self.recompute = recompute
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.borrowed_kinds = tuple(borrowed or ())
        self.plan = sharing_lib.make_plan(
            vars(self),
            sharing_lib.DECODER_KINDS if decoder else sharing_lib.ENCODER_KINDS,
        )
        self.residual = self._make_residual()
        self._make_sublayers(borrowed or {})

    def _make_residual(self) -> Residual:
        return Residual(
            self.residual_scale,
            self.plan,
            self.normalization,
            self.residual_lambda,
            self.uses_elsewhere,
        )

    def _make_sublayers(self, borrowed: dict[str, list]) -> None:
        def make_norm(name: str) -> LayerNorm:
            return LayerNorm(epsilon=1e-6, name=name, dtype=self.dtype_policy)

        common = {
            "initial_gain": self.residual.initial_gain,
            "dtype": self.dtype_policy,
        }
        attention = common | {
            "num_heads": self.num_heads,
            "attention_gain": self.attention_gain,
            "dropout": self.attention_dropout,
        }
        feed_forward = common | {
            "intermediate_dim": self.intermediate_dim,
            "activation": self.activation,
            "dropout": self.activation_dropout,
        }
        self.self_attentions = make_sublayers(
            self.plan,
            "self_attention",
            lambda name: SelfAttention(name=name, **attention),
            borrowed,
        )
        self.feed_forwards = make_sublayers(
            self.plan,
            "feed_forward",
            lambda name: FeedForward(name=name, **feed_forward),
            borrowed,
        )
        self.cross_attentions = []
        if self.decoder:
            self.cross_attentions = make_sublayers(
                self.plan,
                "cross_attention",
                lambda name: CrossAttention(name=name, **attention),
                borrowed,
            )
        self.norms = make_norms(self.plan, make_norm)
        pre_norm = self.normalization == "pre"
        self.final_norm = make_norm("final_norm") if pre_norm else None
        self.layers = [self._layer(depth) for depth in range(self.num_layers)]

    def _layer(self, depth: int) -> TransformerLayer:
        index = {
            kind: self.plan.schedules[kind][depth] for kind in self.plan.kinds
        }
        return TransformerLayer(
            self_attention=self.self_attentions[index["self_attention"]],
            feed_forward=self.feed_forwards[index["feed_forward"]],
            cross_attention=self.cross_attentions[index["cross_attention"]]
            if self.decoder
            else None,
            norms=self.norms[index["layer_norm"]],
            branch_scales={
                kind: self.residual.branch_scale(kind, index[kind])
                for kind in index
            },
            skip_scale=self.residual.skip_scale,
            pre_norm=self.normalization == "pre",
            dropout=self.dropout,
        )

    def build(self, input_shape: tuple) -> None:
        """Creates every weight for inputs (batch, length, hidden)."""
        sublayers = [
            *self.self_attentions,
            *self.cross_attentions,
            *self.feed_forwards,
            *(norm for norms in self.norms for norm in norms.values()),
        ]
        if self.final_norm is not None:
            sublayers.append(self.final_norm)
        for sublayer in sublayers:
            if not sublayer.built:
                sublayer.build(input_shape)
        if self.depth_embedding and not self.built:
            self.depth_vectors = self.add_weight(
                name="depth_vectors",
                shape=(self.num_layers, input_shape[-1]),
                initializer="zeros",
            )
        self.built = True

    def call(
        self,
        x: tf.Tensor,
        bias: tf.Tensor | None = None,
        memory: tf.Tensor | None = None,
        memory_bias: tf.Tensor | None = None,
        training: bool | None = None,
    ) -> tf.Tensor:
        """See the class."""
        if self.causal:
            causal = causal_bias(tf.shape(x)[1], x.dtype)
            bias = causal if bias is None else bias + causal
        seed = self._draw_seed() if training else None
        for depth, layer in enumerate(self.layers):
            x = self._enter(x, depth)
            use_seed = site_seed(seed, depth * SITES)
            apply = layer.recomputed if self.recompute and training else layer
            x = apply(x, bias, memory, memory_bias, use_seed)
        return x if self.final_norm is None else self.final_norm(x)

    def _draw_seed(self) -> tf.Tensor | None:
        rates = (self.dropout, self.attention_dropout, self.activation_dropout)
        if not any(rates):
            return None
        return tf.cast(self.seed_generator.next(), tf.int32)

    def _enter(self, x: tf.Tensor, depth: int) -> tf.Tensor:
        if not self.depth_embedding:
            return x
        return x + tf.cast(self.depth_vectors[depth], x.dtype)

    def compute_output_shape(self, input_shape: tuple, **_) -> tuple:
        """Returns the shape of the inputs."""
        return input_shape

    def get_config(self) -> dict:
        """Returns the constructor's arguments.

        Raises:
            NotImplementedError: if sublayers are borrowed: the model that
                lends them rebuilds the stack.
        """
        if self.borrowed_kinds:
            raise NotImplementedError(
                "A stack with borrowed sublayers is rebuilt by the model that "
                "lends them; it cannot be made from its own config."
            )
        names = (
            "num_layers num_blocks sharing num_heads intermediate_dim decoder "
            "causal shared_sublayers unshared_first unshared_last activation "
            "normalization residual_scale residual_lambda depth_embedding "
            "dropout attention_dropout activation_dropout attention_gain "
            "uses_elsewhere recompute seed"
        ).split()
        return super().get_config() | {
            name: getattr(self, name) for name in names
        }
