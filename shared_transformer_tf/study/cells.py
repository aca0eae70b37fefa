"""Cells of a study, and how sweeps of the learning rate go on."""

import dataclasses
import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence

PLAIN = "none"  # how a command calls the cell that is no variation
_SWEEP = "learning_rate_x"
_STEP = 2.0
_FARTHEST = 8.0


@dataclasses.dataclass(frozen=True)
class Cell:
    """One training of a study.

    Attributes:
        task: its name.
        arm: its name.
        seed: of order, weights and dropout.
        rate_factor: of the learning rate that the arm has otherwise.
    """

    task: str
    arm: str
    seed: int
    rate_factor: float = 1.0

    @property
    def variation(self) -> str:
        """Empty, or `learning_rate_xFACTOR`."""
        if self.rate_factor == 1:
            return ""
        return f"{_SWEEP}{self.rate_factor:g}"

    @property
    def name(self) -> str:
        """What `cell_name` returns of it."""
        return cell_name(self.task, self.arm, self.seed, self.variation)


def cell_name(task: str, arm: str, seed: int, variation: str) -> str:
    """Returns `TASK.ARM.SEED[.VARIATION]`, which a cell's files are called."""
    return ".".join(filter(None, [task, arm, str(seed), variation]))


def factor(variation: str) -> float | None:
    """Returns the factor of the learning rate that a variation names.

    `None` for one that no sweep can come to.
    """
    found = re.fullmatch(rf"{_SWEEP}(\d+(\.\d+)?)", variation)
    value = float(found[1]) if found else 0.0
    if not 1 / _FARTHEST <= value <= _FARTHEST:
        return None
    return value if math.log(value, _STEP).is_integer() else None


@dataclasses.dataclass(frozen=True)
class CellGroup:
    """All cells of some tasks, arms and seeds.

    Attributes:
        tasks: names.
        arms: names.
        seeds: of each.
        rate_factors: of each; 1 is the arm's own learning rate.
        extended: whether the sweep goes on by factors of 2 while its best
            rate is its lowest or its highest.
    """

    tasks: tuple[str, ...]
    arms: tuple[str, ...]
    seeds: tuple[int, ...] = (1,)
    rate_factors: tuple[float, ...] = (1.0,)
    extended: bool = False

    def cells(self) -> Iterable[Cell]:
        """Yields the cells, plain ones first."""
        factors = sorted(self.rate_factors, key=lambda factor: factor != 1)
        for by, task, seed, arm in itertools.product(
            factors, self.tasks, self.seeds, self.arms
        ):
            yield Cell(task, arm, seed, by)

    def beyond(self) -> Iterable[Cell]:
        """Yields all cells that its sweeps may come to be extended by."""
        if not self.extended:
            return
        steps = round(math.log(_FARTHEST, _STEP))
        factors = {_STEP**step for step in range(-steps, steps + 1)}
        left = tuple(sorted(factors - {1.0, *self.rate_factors}))
        yield from dataclasses.replace(self, rate_factors=left).cells()


def extension(
    cell: Cell, factors: Sequence[float], dev_bleu: Mapping[str, float]
) -> Cell | None:
    """Returns the cell that a sweep is to be extended by, if any.

    Args:
        cell: with the factor 1.
        factors: that were planned besides.
        dev_bleu: by the names of cells that are done.
    """

    def at(factor: float) -> Cell:
        return dataclasses.replace(cell, rate_factor=factor)

    swept = {1.0, *factors}
    if any(at(factor).name not in dev_bleu for factor in swept):
        return None
    while True:
        # of equally good ones the arm's own
        best = max(
            swept, key=lambda by: (dev_bleu[at(by).name], -abs(math.log(by)))
        )
        if best not in (min(swept), max(swept)):
            return None
        beyond = best * _STEP if best == max(swept) else best / _STEP
        if not 1 / _FARTHEST <= beyond <= _FARTHEST:
            return None
        if at(beyond).name not in dev_bleu:
            return at(beyond)
        swept.add(beyond)
