"""Weights and FLOPs of a model, from its plans alone.

A product of an (m, k) and a (k, n) matrix counts 2 m n k FLOPs; only matrix
products are counted. The backward pass takes two products for each of the
forward pass.
"""

import collections
import dataclasses

import keras

from shared_transformer_tf.layers.stack import Stack
from shared_transformer_tf.models.transformer import SharedTransformer

BACKWARD_PER_FORWARD = 2


@dataclasses.dataclass(frozen=True)
class Complexity:
    """What a model costs.

    Attributes:
        weights: unique weights, by component.
        source_flops: forward FLOPs per source token, by component.
        target_flops: forward FLOPs per target token, by component.
        source_length: tokens of a source sentence that this holds for.
        target_length: of a target sentence.
    """

    weights: dict[str, int]
    source_flops: dict[str, float]
    target_flops: dict[str, float]
    source_length: int
    target_length: int

    @property
    def forward_flops(self) -> float:
        """FLOPs of one sentence pair, forward."""
        return self.source_length * sum(
            self.source_flops.values()
        ) + self.target_length * sum(self.target_flops.values())

    @property
    def training_flops(self) -> float:
        """FLOPs of one sentence pair, forward and backward."""
        return (1 + BACKWARD_PER_FORWARD) * self.forward_flops

    def describe(self) -> str:
        """Returns a table of a few lines."""
        total = sum(self.weights.values())
        lines = [f"Weights: {total:,}"]
        lines += [
            f"  {name}: {count:,}" for name, count in self.weights.items()
        ]
        for side, flops in (
            ("source", self.source_flops),
            ("target", self.target_flops),
        ):
            parts = ", ".join(
                f"{name} {value / 1e6:.3f}" for name, value in flops.items()
            )
            total = sum(flops.values()) / 1e6
            lines.append(
                f"MFLOPs per {side} token: {total:.3f} forward ({parts}), "
                f"{BACKWARD_PER_FORWARD * total:.3f} backward, "
                f"{BACKWARD_PER_FORWARD} times each component's"
            )
        lines.append(
            f"Forward and backward, {self.source_length} source and "
            f"{self.target_length} target tokens: "
            f"{self.training_flops / 1e6:.1f} MFLOPs per pair, "
            f"{self.training_flops / self.target_length / 1e6:.2f} per target "
            "token"
        )
        return "\n".join(lines)

    def to_dict(self) -> dict:
        """Returns the fields as a dictionary."""
        return dataclasses.asdict(self)


def complexity(
    model: SharedTransformer, source_length: int, target_length: int
) -> Complexity:
    """Counts weights and FLOPs of a model at given sentence lengths.

    Args:
        model: the model.
        source_length: tokens per source sentence, end symbol included.
        target_length: tokens per target sentence, one symbol included.
    """
    decoder = _stack_flops(
        model.decoder, model.hidden_dim, target_length, source_length
    )
    memory = decoder.pop("cross_attention_memory")
    output = 2 * model.hidden_dim * model.target_vocabulary_size
    return Complexity(
        count_weights(model),
        {
            **_stack_flops(model.encoder, model.hidden_dim, source_length, 0),
            "cross_attention_memory": memory,
        },
        {**decoder, "output": output},
        source_length,
        target_length,
    )


def count_weights(model: keras.Model) -> dict[str, int]:
    """Returns the number of unique weights by component."""
    counts: collections.Counter[str] = collections.Counter()
    for variable in model.weights:
        parts = variable.path.split("/")[1:]
        counts[parts[0]] += int(variable.shape.num_elements())
    return dict(counts)


def count_uses(model: SharedTransformer) -> dict[str, tuple[int, ...]]:
    """Returns how often each sublayer occurs in one forward pass.

    Returns:
        For every `STACK/KIND` the uses of the sublayers that the stack calls,
        by their number; those of the other stack count too where the two
        share.
    """
    stacks = (model.encoder, model.decoder)
    kinds = {
        "self_attention": "self_attentions",
        "cross_attention": "cross_attentions",
        "feed_forward": "feed_forwards",
    }
    counts = collections.Counter(
        id(getattr(layer, kind))
        for stack in stacks
        for layer in stack.layers
        for kind in kinds
    )
    uses = {}
    for stack in stacks:
        for kind in stack.plan.kinds:
            if kind == "layer_norm":
                found = stack.plan.uses(kind)
            else:
                sublayers = getattr(stack, kinds[kind])
                found = tuple(counts[id(sublayer)] for sublayer in sublayers)
            uses[f"{stack.name}/{kind}"] = found
    return uses


def describe_uses(model: SharedTransformer) -> str:
    """Returns depth, schedule and uses of both stacks in words."""
    uses = count_uses(model)
    lines = []
    for stack in (model.encoder, model.decoder):
        counted = ", ".join(
            f"{kind} {' '.join(map(str, uses[f'{stack.name}/{kind}']))}"
            for kind in stack.plan.kinds
        )
        lines.append(
            f"{stack.name}: {stack.num_layers} layers, blocks "
            f"{stack.plan.describe()}; uses of each: {counted}"
        )
        if stack.borrowed_kinds:
            lines.append(f"decoder uses the encoder's {stack.borrowed_kinds}")
    return "\n".join(lines)


def _stack_flops(
    stack: Stack, hidden_dim: int, length: int, source_length: int
) -> dict[str, float]:
    square = 2 * hidden_dim * hidden_dim
    layers = stack.num_layers
    flops = {
        "self_attention": layers * (4 * square + 4 * hidden_dim * length),
        "feed_forward": layers * 4 * hidden_dim * stack.intermediate_dim,
    }
    if stack.decoder:
        flops["cross_attention"] = layers * (
            2 * square + 4 * hidden_dim * source_length
        )
        # per source token; training projects the memory at every depth
        flops["cross_attention_memory"] = layers * 2 * square
    return flops
