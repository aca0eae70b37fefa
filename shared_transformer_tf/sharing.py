"""Sharing plans: which sublayer each depth of a stack uses.

Pure Python: no TensorFlow, so a plan can be checked and printed before
anything slow starts.
"""

import collections
import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shared_transformer_tf import errors
from shared_transformer_tf.schedule import make_schedule

ENCODER_KINDS = ("self_attention", "feed_forward", "layer_norm")
DECODER_KINDS = (
    "self_attention",
    "cross_attention",
    "feed_forward",
    "layer_norm",
)
LENDABLE_KINDS = ("self_attention", "feed_forward")


def parse_kinds(kinds: str | Iterable[str], valid: Sequence[str]) -> tuple:
    """Returns sublayer kinds from `"all"`, `"none"`, names or `"a, b"`.

    Raises:
        InputError: if a name is not in `valid`.
    """
    if isinstance(kinds, str):
        if kinds == "all":
            return tuple(valid)
        names = [] if kinds == "none" else re.split(r"[,\s]+", kinds.strip())
    else:
        names = list(kinds)
    unknown = [name for name in names if name not in valid]
    if unknown:
        raise errors.InputError(
            f"Unknown kind of sublayer {', '.join(map(repr, unknown))}. "
            f"Choose among {', '.join(valid)}, or 'all' or 'none'."
        )
    return tuple(kind for kind in valid if kind in names)


@dataclasses.dataclass(frozen=True)
class SharingPlan:
    """Which sublayer object each depth of one stack uses, per kind.

    A stack owns `num_objects(kind)` sublayers of a kind and applies number
    `schedules[kind][depth]` at `depth`. The layer norms of a layer go
    together: an index of kind `layer_norm` stands for all of them.

    Attributes:
        num_layers: depth of the stack.
        schedules: for every kind a tuple of `num_layers` indices.
    """

    num_layers: int
    schedules: dict[str, tuple[int, ...]]

    @classmethod
    def create(
        cls,
        num_layers: int,
        num_blocks: int | None = None,
        sharing: str | Sequence[int] = "none",
        *,
        kinds: Sequence[str] = ENCODER_KINDS,
        shared_sublayers: str | Iterable[str] = "all",
        unshared_first: int = 0,
        unshared_last: int = 0,
    ) -> "SharingPlan":
        """Makes a plan from a strategy.

        Args:
            num_layers: depth of the stack.
            num_blocks: unique blocks; see `make_schedule`.
            sharing: strategy name or indices; see `make_schedule`.
            kinds: the kinds of sublayer that a layer of this stack has.
            shared_sublayers: kinds that follow the schedule; the others are
                owned by each depth.
            unshared_first: bottom layers with a block of their own.
            unshared_last: top layers with a block of their own.

        Raises:
            InputError: if the numbers do not fit or a name is unknown.

        Example:
        >>> plan = SharingPlan.create(4, 2, "cycle")
        >>> plan.schedules["feed_forward"], plan.uses("feed_forward")
        ((0, 1, 0, 1), (2, 2))
        """
        schedule = make_schedule(
            sharing, num_layers, num_blocks, unshared_first, unshared_last
        )
        shared = parse_kinds(shared_sublayers, DECODER_KINDS)
        own = tuple(range(num_layers))
        return cls(
            num_layers,
            {kind: schedule if kind in shared else own for kind in kinds},
        )

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of sublayer that a layer of this stack has."""
        return tuple(self.schedules)

    def num_objects(self, kind: str) -> int:
        """Returns how many sublayers of a kind the stack needs."""
        return max(self.schedules[kind]) + 1

    def uses(self, kind: str) -> tuple[int, ...]:
        """Returns for each sublayer of a kind how many depths use it."""
        counts = collections.Counter(self.schedules[kind])
        return tuple(counts[index] for index in range(len(counts)))

    def describe(self) -> str:
        """Returns the plan in words, kinds of equal schedule together."""
        groups: dict[tuple[int, ...], list[str]] = {}
        for kind, schedule in self.schedules.items():
            groups.setdefault(schedule, []).append(kind)
        return "; ".join(
            f"{' '.join(map(str, schedule))} ({', '.join(kinds)})"
            for schedule, kinds in groups.items()
        )


PLAN_OPTIONS = (
    "num_layers",
    "num_blocks",
    "sharing",
    "shared_sublayers",
    "unshared_first",
    "unshared_last",
)
_SHAPE = ("num_layers", "sharing")
LAYER_OPTIONS = (
    "activation",
    "normalization",
    "residual_scale",
    "residual_lambda",
    "depth_embedding",
)


def stack_options(
    model: Mapping[str, Any], decoder: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the `PLAN_OPTIONS` and `LAYER_OPTIONS` of encoder and decoder.

    Args:
        model: what holds for both stacks.
        decoder: what differs in the decoder; `None` does not. A number of
            blocks is taken over only where depth and strategy are the
            encoder's too, else the decoder's strategy implies it.

    Raises:
        InputError: if a name of `decoder` is unknown.
    """
    names = (*PLAN_OPTIONS, *LAYER_OPTIONS)
    unknown = [name for name in decoder if name not in names]
    if unknown:
        raise errors.InputError(
            f"Unknown option of the decoder {', '.join(map(repr, unknown))}. "
            f"Choose among {', '.join(names)}."
        )
    encoder = {name: model[name] for name in names}
    differing = {
        name: value for name, value in decoder.items() if value is not None
    }
    own = encoder | differing
    follows = all(own[name] == encoder[name] for name in _SHAPE)
    blocks = encoder["num_blocks"] if follows else None
    return encoder, encoder | {"num_blocks": blocks} | differing


def make_plan(options: Mapping[str, Any], kinds: Sequence[str]) -> SharingPlan:
    """Returns the plan of a stack with `options` of `stack_options`.

    Raises:
        InputError: if the schedule is impossible.
    """
    return SharingPlan.create(
        kinds=kinds, **{name: options[name] for name in PLAN_OPTIONS}
    )


def check_lent(
    lent: Sequence[str], encoder: Mapping[str, Any], decoder: Mapping[str, Any]
) -> None:
    """Checks that the decoder asks no other activation of what it is lent.

    Args:
        lent: kinds of sublayers that it takes from the encoder.
        encoder: options, of `stack_options`.
        decoder: likewise.

    Raises:
        InputError: if it does.
    """
    own, other = encoder["activation"], decoder["activation"]
    if "feed_forward" in lent and own != other:
        raise errors.InputError(
            "`shared_with_decoder` lends feed-forward sublayers, which have "
            f"the activation {own!r}, but the decoder's activation is "
            f"{other!r}: leave it unset."
        )
