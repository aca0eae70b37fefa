"""What a report is written from: results, their bootstrap, and the plan."""

import dataclasses
import functools
from statistics import fmean

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study.plan import Study
from shared_transformer_tf.study.report import result_set, verdicts
from shared_transformer_tf.study.report.joint_bootstrap import Bootstrap
from shared_transformer_tf.study.report.result_set import ResultSet
from shared_transformer_tf.study.report.verdicts import Difference
from shared_transformer_tf.study.result import dev_bleu

LEAST_BLEU = 5.0  # below it a model has hardly begun to translate


@dataclasses.dataclass(frozen=True)
class Evidence:
    """The results of a study and what they say together.

    Attributes:
        results: what was run.
        bootstrap: of the test scores.
        study: the plan; `None`: nobody said.
    """

    results: ResultSet
    bootstrap: Bootstrap
    study: Study | None = None

    @classmethod
    def of(cls, results: ResultSet, study: Study | None = None) -> "Evidence":
        """Returns the evidence of results, with their scores resampled.

        Raises:
            InputError: if they are of another study.
        """
        if study:
            _check_study(results, study)
        margin = study.margin if study else verdicts.MARGIN
        bootstrap = Bootstrap(results.statistics(), margin=margin)
        return cls(results, bootstrap, study)

    @property
    def margin(self) -> float:
        """BLEU that an arm may be worse by and still be `not worse`."""
        return self.study.margin if self.study else verdicts.MARGIN

    @functools.cached_property
    def planned(self) -> tuple[str, ...] | None:
        """Names of all cells of the study; `None`: nobody said.

        With those that a sweep goes on with beyond its edge.
        """
        if self.study is None:
            return None
        cells = [*self.results.cells, *self.results.diverged]
        dev = {result_set.name(cell): dev_bleu(cell) for cell in cells}
        beyond = [cell for cell in self.study.beyond() if cell.name in dev]
        cells = [*self.study.cells(), *beyond, *self.study.extensions(dev)]
        return tuple(dict.fromkeys(cell.name for cell in cells))

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
    def unlearned(self) -> list[str]:
        """Cells that learned next to nothing."""
        return [
            result_set.name(cell)
            for cell in self.results.of()
            if cell["test"]["bleu"] < LEAST_BLEU
        ]

    @property
    def missing_searches(self) -> list[str]:
        """Arms whose planned search has no result."""
        searches = self.study.searches if self.study else []
        return [arm for arm in searches if arm not in self.results.searches]

    @property
    def missing(self) -> list[str]:
        """Planned cells without a result."""
        results = self.results
        run = set(map(result_set.name, [*results.cells, *results.diverged]))
        return [name for name in self.planned or () if name not in run]

    def by_task(self, system: str, baseline: str) -> dict[str, Difference]:
        """Returns the difference in each task that has both arms."""
        found = {
            task: self.bootstrap.difference(system, baseline, [task])
            for task in self.bootstrap.tasks(system, baseline)
        }
        return {task: one for task, one in found.items() if one}

    @property
    def common_tasks(self) -> tuple[str, ...]:
        """Tasks of the means: those of all main arms that have several."""
        tasks = self.bootstrap.tasks
        several = [arm for arm in self.main_arms if len(tasks(arm)) > 1]
        return tasks(*several) if several else ()

    def mean_bleu(self, arm: str) -> float | None:
        """Returns the mean over `common_tasks`; `None` where one is missing."""
        tasks = self.common_tasks
        if not tasks or not set(tasks) <= set(self.bootstrap.tasks(arm)):
            return None
        return fmean(fmean(self.bootstrap.bleu(task, arm)) for task in tasks)

    def mean(self, arm: str, field: str) -> float:
        """Returns a field's mean over `common_tasks`, of means over seeds."""
        return fmean(
            fmean(cell[field] for cell in self.results.of(task, arm))
            for task in self.common_tasks
        )

    def cost(self, arm: str, field: str) -> float:
        """Returns a field's mean over seeds on the main task.

        Of an arm that was not run there, that of its first task.
        """
        cells = self.results.of(self.results.main_task, arm)
        if not cells:
            cells = self.results.of(self.bootstrap.tasks(arm)[0], arm)
        return fmean(cell[field] for cell in cells)

    def seconds(self, arm: str) -> float | None:
        """Returns those of a training on the main task, mean over seeds.

        Of cells that `ResultSet.timed` returns; `None` if there are none.
        """
        cells = self.results.timed(self.results.main_task, arm)
        return fmean(cell["seconds"] for cell in cells) if cells else None

    def relative(self, field: str, arm: str, baseline: str) -> float | None:
        """Returns a field over that of another arm, on common tasks."""
        ratios = [
            fmean(cell[field] for cell in self.results.of(task, arm))
            / fmean(cell[field] for cell in self.results.of(task, baseline))
            for task in self.bootstrap.tasks(arm, baseline)
        ]
        return fmean(ratios) if ratios else None


def _check_study(results: ResultSet, study: Study) -> None:
    own = (study.name, study.fingerprint)
    first = results.cells[0]
    found = (results.study, first["study_fingerprint"])
    if found != own:
        raise InputError(
            f"The results are of the study {found[0]} ({found[1]}), not of "
            f"{own[0]} ({own[1]}) as it is configured now: name its folder, "
            "or restore the config that they were made with."
        )
