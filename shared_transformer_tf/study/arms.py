"""The arms of the study: what each trains, apart from the study's base.

The base is the arm `vanilla`: M layers of M blocks of their own in each
stack. Where an arm doubles the depth, the complexity of its stacks doubles;
that of embeddings and output stays.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from shared_transformer_tf.errors import InputError


@dataclasses.dataclass(frozen=True)
class Arm:
    """One way to train, compared with others.

    Attributes:
        name: of the arm.
        settings: value by `section.field`, on top of the base.
        search: the arm whose search found further settings; empty: none, the
            arm has the standard ones.
        description: in a few words.
    """

    name: str
    settings: dict[str, Any]
    search: str
    description: str


def make_arms(num_blocks: int) -> dict[str, Arm]:
    """Returns all arms by name; `compact` of an even M alone.

    The gradient rules of the ablations leave the embeddings alone: those are
    used for source, target and output in `vanilla` too. `update_uses` divides
    their rate by these three uses as well, and so may rules that a search
    finds.

    Args:
        num_blocks: M, the unique blocks of a stack of `vanilla`.
    """
    double = _depth(2 * num_blocks, num_blocks, "sequence")
    arms = [
        Arm("vanilla", {}, "", "M layers of M blocks, standard settings"),
        Arm("shared", double, "", "2M layers of M blocks, standard settings"),
        Arm("tuned", {}, "vanilla", "vanilla with the settings of its search"),
        Arm(
            "shared_tuned",
            double,
            "shared",
            "shared with the settings of its search",
        ),
        *([] if num_blocks % 2 else [_compact(num_blocks)]),
        Arm(
            "deep",
            _depth(2 * num_blocks, None, "none"),
            "",
            "2M layers of 2M blocks, standard settings",
        ),
        Arm(
            "shared_cycle_rev",
            _depth(2 * num_blocks, num_blocks, "cycle_rev"),
            "",
            "shared in the order of cycle_rev",
        ),
        *_ablations(double),
    ]
    return {arm.name: arm for arm in arms}


def _compact(num_blocks: int) -> Arm:
    return Arm(
        "compact",
        _depth(num_blocks, num_blocks // 2, "sequence"),
        "shared",
        "M layers of M/2 blocks, settings of the search for shared",
    )


def _depth(layers: int, blocks: int | None, sharing: str) -> dict[str, Any]:
    return {
        "model.num_layers": layers,
        "model.num_blocks": blocks,
        "model.sharing": sharing,
    }


def _ablations(double: dict[str, Any]) -> list[Arm]:
    by_rule = [
        Arm(
            rule,
            double
            | {
                "training.gradient_rule": rule,
                "training.embedding_gradient_rule": "none",
            },
            "",
            f"shared with the gradient rule {rule}",
        )
        for rule in ("uses", "sqrt_uses", "unit")
    ]
    return [
        *by_rule,
        Arm(
            "update_uses",
            double | {"training.update_scaling": "uses"},
            "",
            "shared with updates divided by the uses",
        ),
        Arm(
            "residual_uses",
            double | {"model.residual_scale": "inverse_uses"},
            "",
            "shared with residual branches divided by the uses",
        ),
    ]


def check(arms: Iterable[str], num_blocks: int, study: str) -> None:
    """Checks that a study can have some arms.

    Args:
        arms: their names.
        num_blocks: M.
        study: its name, for the message.

    Raises:
        InputError: if there is no such arm; or if M is odd: `compact` has
            half of the blocks.
    """
    valid = make_arms(num_blocks)
    for arm in arms:
        if arm == "compact" and num_blocks % 2:
            raise InputError(
                f"The base of the study {study} has model.num_layers="
                f"{num_blocks}, expected an even number: the arm compact has "
                "half as many blocks."
            )
        if arm not in valid:
            raise InputError(
                f"The study {study} has an arm {arm!r}. Valid: "
                f"{', '.join(valid)}."
            )


def check_names(
    names: Sequence[str], valid: Sequence[str], what: str
) -> tuple[str, ...]:
    """Returns names, each once, that are all valid.

    Args:
        names: asked for; none: all valid ones.
        valid: in their order.
        what: they are, for the message.

    Raises:
        InputError: naming the first that is not valid.
    """
    for name in names:
        if name not in valid:
            raise InputError(
                f"The study has no {what} {name!r}. Choose from "
                f"{', '.join(valid)}."
            )
    return tuple(name for name in valid if name in names or not names)
