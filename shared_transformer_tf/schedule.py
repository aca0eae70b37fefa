"""Schedules: which block each layer of a stack uses.

The strategies `sequence`, `cycle` and `cycle_rev` are those of Takase and
Kiyono, "Lessons on Parameter Sharing across Layers in Transformers"
(arXiv 2104.06022); `sandwich` is Subformer's (arXiv 2101.00234); `universal`
is the Universal Transformer's (arXiv 1807.03819).
"""

import re
from collections.abc import Sequence

from shared_transformer_tf import errors

STRATEGIES = (
    "none",
    "universal",
    "sequence",
    "cycle",
    "cycle_rev",
    "sandwich",
)


def make_schedule(
    sharing: str | Sequence[int],
    num_layers: int,
    num_blocks: int | None = None,
    unshared_first: int = 0,
    unshared_last: int = 0,
) -> tuple[int, ...]:
    """Returns the block index that each layer of a stack uses.

    Args:
        sharing: a name of `STRATEGIES`, or the schedule itself as a sequence
            of block indices or a string of them (`"0 0 1 1"`).
        num_layers: depth, how many times a block is applied.
        num_blocks: unique blocks of the whole stack. `None` takes the only
            number that the strategy allows, where there is one.
        unshared_first: layers at the bottom that own a block each; `sharing`
            then rules the layers between.
        unshared_last: the same at the top.

    Returns:
        A tuple of `num_layers` indices into `range(num_blocks)`.

    Raises:
        InputError: if the numbers do not fit; the message shows what would.

    Example:
    >>> make_schedule("cycle_rev", num_layers=6, num_blocks=3)
    (0, 1, 2, 2, 1, 0)
    """
    if num_layers < 1:
        raise errors.InputError(
            f"`num_layers` must be at least 1, got {num_layers}."
        )
    indices = _explicit_indices(sharing)
    if indices is not None:
        _check_explicit(
            indices, num_layers, num_blocks, unshared_first, unshared_last
        )
        return indices
    if unshared_first < 0 or unshared_last < 0:
        raise errors.InputError(
            "`unshared_first` and `unshared_last` count layers and cannot be "
            f"negative, got {unshared_first} and {unshared_last}."
        )
    outside = unshared_first + unshared_last
    middle_layers = num_layers - outside
    if middle_layers < 1:
        raise errors.InputError(
            f"`unshared_first` + `unshared_last` = {outside} leaves no layer "
            f"to share in a stack of {num_layers}: ask for at most "
            f"{num_layers - 1}."
        )
    middle_blocks = None if num_blocks is None else num_blocks - outside
    middle = _strategy_schedule(sharing, middle_layers, middle_blocks, outside)
    middle_blocks = max(middle) + 1
    first = range(unshared_first)
    last = range(unshared_first + middle_blocks, outside + middle_blocks)
    return (*first, *(unshared_first + index for index in middle), *last)


def _explicit_indices(
    sharing: str | Sequence[int],
) -> tuple[int, ...] | None:
    if not isinstance(sharing, str):
        return tuple(int(index) for index in sharing)
    if re.fullmatch(r"[\[(]?\s*\d+(\s*[,\s]\s*\d+)*\s*[\])]?", sharing):
        return tuple(int(index) for index in re.findall(r"\d+", sharing))
    return None


def _check_explicit(
    indices: tuple[int, ...],
    num_layers: int,
    num_blocks: int | None,
    unshared_first: int,
    unshared_last: int,
) -> None:
    shown = " ".join(map(str, indices))
    if unshared_first or unshared_last:
        raise errors.InputError(
            "A schedule given as indices already says which layers share: "
            "leave `unshared_first` and `unshared_last` at 0."
        )
    if len(indices) != num_layers:
        raise errors.InputError(
            f"The schedule {shown} has {len(indices)} entries, but "
            f"`num_layers` is {num_layers}: give one block index per layer."
        )
    if num_blocks is None:
        num_blocks = max(indices) + 1
    if min(indices) < 0 or max(indices) >= num_blocks:
        raise errors.InputError(
            f"The schedule {shown} is out of range: with `num_blocks`="
            f"{num_blocks} its indices are 0 to {num_blocks - 1}."
        )
    missing = sorted(set(range(num_blocks)) - set(indices))
    if missing:
        raise errors.InputError(
            f"The schedule {shown} never uses block "
            f"{', '.join(map(str, missing))} of {num_blocks}: number the "
            "blocks without gaps, or lower `num_blocks`."
        )


def _strategy_schedule(
    strategy: str, num_layers: int, num_blocks: int | None, outside: int
) -> tuple[int, ...]:
    if strategy not in STRATEGIES:
        raise errors.InputError(
            f"Unknown sharing strategy {strategy!r}. Choose one of "
            f"{', '.join(STRATEGIES)}, or give the schedule as indices, for "
            "instance '0 0 1 1'."
        )
    implied = {"none": num_layers, "universal": 1, "sandwich": 3}
    if num_blocks is None:
        num_blocks = implied.get(strategy)
    fitting = [
        blocks
        for blocks in range(1, num_layers + 1)
        if _fits(strategy, num_layers, blocks)
    ]
    if num_blocks not in fitting:
        came = (
            "no `num_blocks`"
            if num_blocks is None
            else (f"`num_blocks`={num_blocks + outside}")
        )
        raise errors.InputError(
            f"Strategy {strategy!r} over {num_layers + outside} layers does "
            f"not fit {came}. {_fitting_text(strategy, num_layers, outside)}"
        )
    return _indices(strategy, num_layers, num_blocks)


def _fitting_text(strategy: str, num_layers: int, outside: int) -> str:
    choices = [
        f"{blocks + outside} ({' '.join(map(str, indices))})"
        for blocks in range(1, num_layers + 1)
        if _fits(strategy, num_layers, blocks)
        for indices in [_indices(strategy, num_layers, blocks)]
    ]
    if not choices:
        return f"Nothing does: {strategy!r} needs at least 3 layers."
    between = " for the layers between the unshared ones" if outside else ""
    return f"Valid `num_blocks` and schedules{between}: {', '.join(choices)}."


def _fits(strategy: str, num_layers: int, num_blocks: int) -> bool:
    if strategy == "none":
        return num_blocks == num_layers
    if strategy == "universal":
        return num_blocks == 1
    if strategy == "sequence":
        return num_layers % num_blocks == 0
    if strategy == "sandwich":
        return num_blocks >= 3 and (num_layers - 2) % (num_blocks - 2) == 0
    return num_blocks <= num_layers


def _indices(
    strategy: str, num_layers: int, num_blocks: int
) -> tuple[int, ...]:
    depths = range(num_layers)
    if strategy in ("none", "cycle"):
        return tuple(depth % num_blocks for depth in depths)
    if strategy == "universal":
        return (0,) * num_layers
    if strategy == "sequence":
        repeats = num_layers // num_blocks
        return tuple(depth // repeats for depth in depths)
    if strategy == "cycle_rev":
        cycled = tuple(d % num_blocks for d in range(num_layers - num_blocks))
        return cycled + tuple(reversed(range(num_blocks)))
    middle = _indices("sequence", num_layers - 2, num_blocks - 2)
    return (0, *(1 + index for index in middle), num_blocks - 1)
