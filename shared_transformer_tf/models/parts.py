"""The parts of a `SharedTransformer`, made from its arguments."""

from collections.abc import Mapping
from typing import Any

import keras

from shared_transformer_tf import sharing
from shared_transformer_tf.layers.decoder_stack import DecoderStack
from shared_transformer_tf.layers.embeddings import (
    SequenceEmbedding,
    make_token_embeddings,
)
from shared_transformer_tf.layers.stack import Stack


def make_embeddings(
    arguments: Mapping[str, Any], policy: keras.DTypePolicy
) -> tuple[SequenceEmbedding, SequenceEmbedding]:
    """Returns the source's and the target's embedding, tied as asked."""
    words = arguments["vocabulary_size"]
    tokens = make_token_embeddings(
        arguments["tied_embeddings"],
        words,
        arguments["target_vocabulary_size"] or words,
        arguments["hidden_dim"],
        policy,
    )
    source, target = (
        SequenceEmbedding(
            side_tokens,
            name=f"{side}_embedding",
            dropout=arguments["dropout"],
            dtype=policy,
            seed=_offset(arguments["seed"], offset),
        )
        for offset, (side, side_tokens) in enumerate(
            zip(("source", "target"), tokens, strict=True)
        )
    )
    return source, target


def make_stacks(
    arguments: Mapping[str, Any], policy: keras.DTypePolicy
) -> tuple[Stack, DecoderStack]:
    """Returns encoder and decoder; the one lends what the other shares."""
    encoder_options, decoder_options = sharing.stack_options(
        arguments, arguments["decoder"]
    )
    lent = sharing.parse_kinds(
        arguments["shared_with_decoder"], sharing.LENDABLE_KINDS
    )
    sharing.check_lent(lent, encoder_options, decoder_options)
    plans = [
        sharing.make_plan(encoder_options, sharing.ENCODER_KINDS),
        sharing.make_plan(decoder_options, sharing.DECODER_KINDS),
    ]
    encoder_uses, decoder_uses = (
        {kind: plan.uses(kind) for kind in lent} for plan in plans
    )
    names = (
        "num_heads intermediate_dim dropout attention_dropout "
        "activation_dropout attention_gain recompute"
    )
    common = {name: arguments[name] for name in names.split()}
    common["dtype"] = policy
    encoder = Stack(
        name="encoder",
        seed=_offset(arguments["seed"], 2),
        uses_elsewhere=decoder_uses,
        **common,
        **encoder_options,
    )
    lender = {
        "self_attention": encoder.self_attentions,
        "feed_forward": encoder.feed_forwards,
    }
    decoder = DecoderStack(
        name="decoder",
        seed=_offset(arguments["seed"], 3),
        borrowed={kind: lender[kind] for kind in lent},
        uses_elsewhere=encoder_uses,
        **common,
        **decoder_options,
    )
    return encoder, decoder


def _offset(seed: int | None, offset: int) -> int | None:
    """Gives each part masks of its own."""
    return None if seed is None else seed + offset
