"""What a study needs on devices that are not here: hours and memory.

Hours are FLOPs by speed. The speed is a share of what the devices' maker says
they compute, or what was measured there. Memory is that of weights, gradients
and Adam's two moments in float32, a copy of the weights in 16 bits, and of
activations, which were measured.
"""

import dataclasses
from collections.abc import Sequence

from shared_transformer_tf.study.search.space import LARGEST_BATCH

_HOUR = 3600
_GIB = 2**30
_BYTES_PER_WEIGHT = 4 * 4 + 2
# Of a step in bfloat16, width 512 and feed-forward 2048, 32,000 words: its
# peak memory less weights and optimizer, over 512 target tokens, for 6 and
# for 12 layers (1.34 and 1.78 MiB).
_MIB_PER_TOKEN = 0.904
_MIB_PER_TOKEN_AND_LAYER = 0.0733


@dataclasses.dataclass(frozen=True)
class Devices:
    """Devices that train one model together, as replicas.

    Attributes:
        name: in words.
        replicas: how many there are.
        peak_flops: of each, per second, in 16 bits, by its maker.
        memory_gib: of each.
        shares: of the peak, the least and the most that training is taken
            to reach.
    """

    name: str
    replicas: int
    peak_flops: float
    memory_gib: float
    shares: tuple[float, float]

    def hours(self, flops: float) -> tuple[float, float]:
        """Returns the fewest and the most hours for FLOPs."""
        fewest, most = (
            flops / (self.replicas * self.peak_flops * share) / _HOUR
            for share in sorted(self.shares, reverse=True)
        )
        return fewest, most


@dataclasses.dataclass(frozen=True)
class ArmCost:
    """What the cells of an arm cost.

    Attributes:
        name: of the arm.
        layers: of each stack.
        weights: unique ones.
        flops_per_token: of training, per target token.
        cells: how many.
        batch_tokens: of an update, on all replicas.
        tokens: of a cell.
    """

    name: str
    layers: int
    weights: int
    flops_per_token: float
    cells: int
    batch_tokens: int
    tokens: float

    @property
    def flops(self) -> float:
        """FLOPs of one cell."""
        return self.tokens * self.flops_per_token

    def memory_gib(self, replicas: int, batches: int = 1) -> float:
        """Returns the memory of each of some replicas.

        Args:
            replicas: that share an update.
            batches: of the arm's own size in an update.
        """
        per_token = _MIB_PER_TOKEN + _MIB_PER_TOKEN_AND_LAYER * self.layers
        tokens = batches * self.batch_tokens
        activations = per_token * 2**20 * tokens / replicas
        return (_BYTES_PER_WEIGHT * self.weights + activations) / _GIB


def describe(
    costs: Sequence[ArmCost],
    devices: Sequence[Devices],
    searches: Sequence[tuple[str, float]] = (),
    tokens_per_second: float = 0.0,
) -> str:
    """Returns the plan as tables.

    Args:
        costs: of the arms, `vanilla` among them.
        devices: that it is made for.
        searches: arms that are searched for, and the target tokens of all
            trials of one search.
        tokens_per_second: that `vanilla` was measured with on some devices,
            all together; 0: not measured. FLOPs tell the other arms.
    """
    lines = [
        f"{'arm':17}{'layers':>6}{'weights':>13}{'GFLOPs/token':>13}"
        f"{'tokens/update':>14}{'million tokens':>15}{'cells':>6}"
    ]
    lines += [
        f"{one.name:17}{one.layers:>6}{one.weights:>13,}"
        f"{one.flops_per_token / 1e9:>13.3f}{one.batch_tokens:>14,}"
        f"{one.tokens / 1e6:>15,.0f}{one.cells:>6}"
        for one in costs
    ]
    by_name = {cost.name: cost for cost in costs}
    tried = [by_name[arm] for arm, _ in searches if arm in by_name]
    lines += ["", *(_describe(some, costs, tried) for some in devices)]
    columns = {some.name: some.hours for some in devices}
    if tokens_per_second:
        speed = tokens_per_second * by_name["vanilla"].flops_per_token
        columns["measured"] = lambda flops: (flops / speed / _HOUR,)
    rows = [(f"{cost.name}, a cell", cost.flops) for cost in costs]
    rows += [
        (f"search for {arm}", tokens * by_name[arm].flops_per_token)
        for arm, tokens in searches
        if arm in by_name
    ]
    together = sum(cost.flops * cost.cells for cost in costs)
    rows.append(("all cells", together))
    heads = "".join(f"{name:>17}" for name in columns)
    lines += [
        "",
        "Hours of updates alone: text, evaluations and tests come on top.",
    ]
    lines += [f"{'hours on':25}{heads}"]
    lines += [
        f"{name:25}"
        + "".join(f"{_range(hours(flops)):>17}" for hours in columns.values())
        for name, flops in rows
    ]
    return "\n".join(lines)


def _describe(
    some: Devices, costs: Sequence[ArmCost], tried: Sequence[ArmCost]
) -> str:
    least, most = sorted(some.shares)
    largest = max(
        *(cost.memory_gib(some.replicas) for cost in costs),
        *(cost.memory_gib(some.replicas, LARGEST_BATCH) for cost in tried),
        0.0,
    )
    trials = ", with searches that try larger batches" if tried else ""
    fits = "fits" if largest < some.memory_gib else "does not fit"
    return (
        f"{some.name}: {some.replicas} replicas of "
        f"{some.peak_flops / 1e12:.0f} TFLOP/s, taken to reach {least:.0%} to "
        f"{most:.0%} of that; up to {largest:.1f} of {some.memory_gib:.0f} "
        f"GiB each{trials}: {fits}"
    )


def _range(hours: Sequence[float]) -> str:
    return " - ".join(f"{one:,.1f}" for one in hours)
