"""A `SharedTransformer` as the specification that CTranslate2 writes."""

from typing import Any

import numpy as np
import tensorflow as tf

from shared_transformer_tf import errors
from shared_transformer_tf.export.ctranslate2_library import (
    specs,
    transformer_spec,
)

_ACTIVATIONS = {
    "relu": specs.Activation.RELU,
    "gelu": specs.Activation.GELU,  # Keras' default is the exact one too
    "silu": specs.Activation.SWISH,
}
_NORM_EPSILON = 1e-6


def make_spec(model, tokenizer, max_length: int) -> specs.TransformerSpec:
    """Returns the model in CTranslate2's terms, not optimized yet.

    Every depth gets the arrays of the sublayers that it references, so that
    `optimize` finds equal ones and stores them once. Factors on residual
    branches go into the sublayers' output projections. Where post-norm
    layers multiply the skip connection by c (DeepNorm), the branch is divided
    by c instead: the layer norm behind the sum does not see the scale, but
    for its epsilon, which is divided by c squared.

    Args:
        model: a built `SharedTransformer`.
        tokenizer: its `Tokenizer`.
        max_length: positions that get an encoding.

    Raises:
        InputError: if CTranslate2 cannot compute such a model without
            storing shared weights more than once.
    """
    check(model)
    sublayers = _Sublayers()
    spec = specs.TransformerSpec(
        _stack_spec(transformer_spec.TransformerEncoderSpec, model.encoder),
        _stack_spec(transformer_spec.TransformerDecoderSpec, model.decoder),
    )
    for stack, stack_spec in _stacks(model, spec):
        for layer, layer_spec in zip(
            stack.layers, stack_spec.layer, strict=True
        ):
            sublayers.fill_layer(layer_spec, layer)
        if stack.final_norm is not None:
            sublayers.fill_norm(stack_spec.layer_norm, stack.final_norm)
    _fill_embeddings(spec, model, max_length)
    spec.register_source_vocabulary(pieces(tokenizer.source_model))
    spec.register_target_vocabulary(pieces(tokenizer.target_model))
    spec.config.add_source_eos = True
    # one epsilon serves all norms: where stacks of different depth would want
    # two, the smaller one is off by less than rounding
    largest = max(stack.residual.skip_scale for stack, _ in _stacks(model))
    spec.config.layer_norm_epsilon = _NORM_EPSILON / largest**2
    return spec


def check(model) -> None:
    """Refuses what CTranslate2 cannot compute.

    Raises:
        InputError: with the reason.
    """
    factors: dict[int, float] = {}
    for stack, _ in _stacks(model):
        if stack.depth_embedding:
            raise _refusal(
                f"the {stack.name} adds a learned vector at each depth "
                "(`depth_embedding`), for which CTranslate2's layers have no "
                "place"
            )
        if stack.activation not in _ACTIVATIONS:
            raise _refusal(
                f"the {stack.name}'s activation {stack.activation!r} is none "
                f"of CTranslate2's that we know: {', '.join(_ACTIVATIONS)}"
            )
        for layer in stack.layers:
            for kind, factor in _branch_factors(layer).items():
                sublayer = getattr(layer, kind)
                first = factors.setdefault(id(sublayer), factor)
                if not np.isclose(first, factor, rtol=1e-6):
                    raise _refusal(
                        f"the sublayer {sublayer.name} is shared by uses of "
                        f"different residual factors, {first:.4g} and "
                        f"{factor:.4g}; CTranslate2 has no such factors, and "
                        "one copy of the weights cannot hold both"
                    )


def pieces(sentencepiece_model: bytes) -> list[str]:
    """Returns the pieces of a SentencePiece model in the order of their ids."""
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(
        model_proto=sentencepiece_model
    )
    return processor.id_to_piece(list(range(processor.get_piece_size())))


def _refusal(reason: str) -> errors.InputError:
    return errors.InputError(
        f"This model cannot be exported to CTranslate2: {reason}. Export it "
        "with --format=saved_model."
    )


def _stacks(model, spec: Any = None) -> list[tuple]:
    return [
        (model.encoder, spec and spec.encoder),
        (model.decoder, spec and spec.decoder),
    ]


def _stack_spec(kind: type, stack):
    return kind(
        stack.num_layers,
        stack.num_heads,
        pre_norm=stack.normalization == "pre",
        activation=_ACTIVATIONS[stack.activation],
    )


def _branch_factors(layer) -> dict[str, float]:
    return {
        kind: layer.branch_scales[kind] / layer.skip_scale
        for kind in layer.norms
    }


def _fill_embeddings(spec, model, max_length: int) -> None:
    source, target = model.source_embedding, model.target_embedding
    spec.encoder.embeddings[0].weight = _array(source.tokens.embeddings)
    spec.decoder.embeddings.weight = _array(target.tokens.embeddings)
    spec.decoder.projection.weight = _array(model.output_kernel())
    row = tf.zeros([1, max_length, model.hidden_dim])
    spec.encoder.position_encodings.encodings = _array(source.positions(row)[0])
    spec.decoder.position_encodings.encodings = _array(target.positions(row)[0])


def _array(tensor) -> np.ndarray:
    """Copies: quantization works in place."""
    return np.array(tensor, np.float32, order="C")


class _Sublayers:
    """Fills specifications; each sublayer's arrays are made once."""

    def __init__(self):
        self._made: dict[tuple, tuple] = {}

    def fill_layer(self, spec, layer) -> None:
        factors = _branch_factors(layer)
        self._self_attention(spec.self_attention, layer.self_attention, factors)
        self.fill_norm(
            spec.self_attention.layer_norm, layer.norms["self_attention"]
        )
        if layer.cross_attention is not None:
            self._cross_attention(
                spec.attention, layer.cross_attention, factors
            )
            self.fill_norm(
                spec.attention.layer_norm, layer.norms["cross_attention"]
            )
        self._feed_forward(spec.ffn, layer.feed_forward, factors)
        self.fill_norm(spec.ffn.layer_norm, layer.norms["feed_forward"])

    def fill_norm(self, spec, norm) -> None:
        spec.gamma, spec.beta = _array(norm.gamma), _array(norm.beta)

    def _self_attention(self, spec, sublayer, factors) -> None:
        self._linear(spec.linear[0], sublayer.kernel, sublayer.bias)
        self._output(spec.linear[1], sublayer, factors["self_attention"])

    def _cross_attention(self, spec, sublayer, factors) -> None:
        self._linear(spec.linear[0], sublayer.query_kernel, sublayer.query_bias)
        self._linear(spec.linear[1], sublayer.kernel, sublayer.bias)
        self._output(spec.linear[2], sublayer, factors["cross_attention"])

    def _feed_forward(self, spec, sublayer, factors) -> None:
        self._linear(
            spec.linear_0,
            sublayer.intermediate_kernel,
            sublayer.intermediate_bias,
        )
        self._output(spec.linear_1, sublayer, factors["feed_forward"])

    def _output(self, spec, sublayer, factor: float) -> None:
        self._linear(spec, sublayer.output_kernel, sublayer.output_bias, factor)

    def _linear(self, spec, kernel, bias, factor: float = 1.0) -> None:
        key = (id(kernel), factor)
        if key not in self._made:
            self._made[key] = (
                _array(np.transpose(kernel)) * np.float32(factor),
                _array(bias) * np.float32(factor),
            )
        spec.weight, spec.bias = self._made[key]
