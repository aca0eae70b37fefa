"""What a report is written from: results, their bootstrap, and the plan."""

import dataclasses
from collections.abc import Sequence
from statistics import fmean

from shared_transformer_tf.study import result_set
from shared_transformer_tf.study.result_set import ResultSet
from shared_transformer_tf.study.verdicts import Bootstrap, Difference


@dataclasses.dataclass(frozen=True)
class Evidence:
    """The results of a study and what they say together.

    Attributes:
        results: what was run.
        bootstrap: of the test scores.
        planned: names of all cells of the study, `TASK.ARM.SEED[.VARIATION]`;
            `None`: nobody said.
    """

    results: ResultSet
    bootstrap: Bootstrap
    planned: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls, results: ResultSet, planned: Sequence[str] | None = None
    ) -> "Evidence":
        """Returns the evidence of results, with their scores resampled."""
        return cls(
            results,
            Bootstrap(results.statistics()),
            None if planned is None else tuple(planned),
        )

    @property
    def main_arms(self) -> list[str]:
        """The arms that were run of those the questions are about."""
        arms = self.results.arms
        return [arm for arm in arms if arm in result_set.MAIN_ARMS]

    @property
    def ablations(self) -> list[str]:
        """The other arms that were run."""
        return [arm for arm in self.results.arms if arm not in self.main_arms]

    @property
    def missing(self) -> list[str]:
        """Planned cells without a result."""
        run = set(map(result_set.name, self.results.cells))
        return [name for name in self.planned or () if name not in run]

    def by_task(self, system: str, baseline: str) -> dict[str, Difference]:
        """Returns the difference in each task that has both arms."""
        found = {
            task: self.bootstrap.difference(system, baseline, [task])
            for task in self.bootstrap.tasks(system, baseline)
        }
        return {task: one for task, one in found.items() if one}

    def mean_bleu(self, arm: str) -> float | None:
        """Returns the mean over tasks; `None` where a task is missing."""
        tasks = self.results.tasks
        if set(self.bootstrap.tasks(arm)) != set(tasks):
            return None
        return fmean(fmean(self.bootstrap.bleu(task, arm)) for task in tasks)

    def mean(self, arm: str, field: str) -> float | None:
        """Returns a field's mean over tasks, of means over seeds."""
        found = [
            fmean(cell[field] for cell in self.results.of(task, arm))
            for task in self.bootstrap.tasks(arm)
        ]
        return fmean(found) if found else None

    def relative_flops(self, arm: str, baseline: str) -> float | None:
        """Returns FLOPs per token over another arm's, on common tasks."""
        ratios = [
            fmean(c["flops_per_token"] for c in self.results.of(task, arm))
            / fmean(
                c["flops_per_token"] for c in self.results.of(task, baseline)
            )
            for task in self.bootstrap.tasks(arm, baseline)
        ]
        return fmean(ratios) if ratios else None
