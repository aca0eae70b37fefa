"""Sweeps of the learning rate: the same cell at other rates."""

import dataclasses
from collections.abc import Sequence
from statistics import fmean

from shared_transformer_tf.study.report.result_set import (
    Result,
    ResultSet,
    on_one_kind,
)

PREFIX = "learning_rate"


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Dev BLEU of one arm on one task by learning rate.

    Attributes:
        task: on which.
        arm: of the study.
        rates: ascending.
        bleu: dev BLEU of each, the mean over seeds.
        used: the rate of the arm's own cells; `None`: they were not run.
        test_bleu: at the best rate; `None`: not measured.
        diverged: rates at which a training has no scores.
        on_one_kind: whether all are noted as trained on one kind of
            processor.
    """

    task: str
    arm: str
    rates: tuple[float, ...]
    bleu: tuple[float, ...]
    used: float | None
    test_bleu: float | None
    diverged: tuple[float, ...] = ()
    on_one_kind: bool = True

    @property
    def best(self) -> float:
        """The rate with the highest dev BLEU."""
        return _best(self.rates, self.bleu)

    @property
    def ahead(self) -> float:
        """Dev BLEU at the best rate above that at the one used, from 0 on."""
        if self.used is None:
            return 0.0
        return max(self.bleu) - self.bleu[self.rates.index(self.used)]

    @property
    def at_edge(self) -> bool:
        """Whether a still better rate may lie outside of the sweep."""
        tried = [*self.rates, *self.diverged]
        return self.best in (min(tried), max(tried))


def sweeps(results: ResultSet, tasks: Sequence[str]) -> list[Sweep]:
    """Returns the sweeps on some tasks of two rates or more.

    With those at which trainings diverged.

    Args:
        results: of a study.
        tasks: in the wanted order.
    """
    varied = results.variations(PREFIX)
    found = []
    for task in tasks:
        for arm in results.arms:
            own = results.of(task, arm)
            others, lost = (
                [c for c in cells if (c["task"], c["arm"]) == (task, arm)]
                for cells in (varied, results.diverged)
            )
            seeds = {cell["seed"] for cell in others}
            lost = [c for c in lost if c["variation"] or c["seed"] in seeds]
            if len(own[:1]) + len(others) + len(lost) > 1 and (own or others):
                sweep = _sweep(task, arm, own, others)
                rates = tuple(sorted({rate(cell) for cell in lost}))
                found.append(dataclasses.replace(sweep, diverged=rates))
    return found


def rate(cell: Result) -> float:
    """Returns the learning rate that a cell was trained with."""
    return cell["config"]["training"]["learning_rate"]


def _sweep(
    task: str, arm: str, own: Sequence[Result], others: Sequence[Result]
) -> Sweep:
    # Seeds that the varied cells lack would make the own rate incomparable.
    seeds = {cell["seed"] for cell in others}
    used = [cell for cell in own if cell["seed"] in seeds] or list(own)
    by_rate: dict[float, list[Result]] = {}
    for cell in (*used, *others):
        by_rate.setdefault(rate(cell), []).append(cell)
    rates = tuple(sorted(by_rate))
    bleu = tuple(
        fmean(cell["dev"]["bleu"] for cell in by_rate[one]) for one in rates
    )
    tests = [cell.get("test") for cell in by_rate[_best(rates, bleu)]]
    return Sweep(
        task,
        arm,
        rates,
        bleu,
        rate(used[0]) if used else None,
        fmean(test["bleu"] for test in tests) if all(tests) else None,
        on_one_kind=on_one_kind((*used, *others)),
    )


def _best(rates: Sequence[float], bleu: Sequence[float]) -> float:
    return rates[bleu.index(max(bleu))]
