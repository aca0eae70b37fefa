"""The results of one study: a folder of JSON files, read and checked.

A cell's file is `TASK.ARM.SEED[.VARIATION].json`, a search's
`search.ARM.json`.
"""

import dataclasses
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study import result_checks
from shared_transformer_tf.study.arms import make_arms
from shared_transformer_tf.study.cells import cell_name

TASK_ORDER = "en-de de-en en-fr fr-en en-cs cs-en de-fr fr-de".split()
ARM_ORDER = list(make_arms(num_blocks=2))
MAIN_ARMS = tuple("vanilla shared tuned shared_tuned compact deep".split())

Result = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class ResultSet:
    """What was run of a study.

    Attributes:
        study: its name.
        cells: contents of their files, tasks and arms in the order of the
            study, variations behind.
        searches: contents of theirs, by arm.
        diverged: contents of files of trainings that have no scores.
    """

    study: str
    cells: tuple[Result, ...]
    searches: Mapping[str, Result]
    diverged: tuple[Result, ...] = ()

    @property
    def tasks(self) -> list[str]:
        """Tasks with a cell that is no variation."""
        return list(dict.fromkeys(cell["task"] for cell in self.of()))

    @property
    def swept_tasks(self) -> list[str]:
        """Tasks with any cell."""
        return list(dict.fromkeys(cell["task"] for cell in self.cells))

    @property
    def arms(self) -> list[str]:
        """Arms with a cell that is no variation."""
        found = {cell["arm"] for cell in self.cells if not cell["variation"]}
        return sorted(found, key=_rank(ARM_ORDER))

    @property
    def main_task(self) -> str:
        """The task on which most arms were run, the first of several."""
        return max(
            self.tasks, key=lambda task: len({c["arm"] for c in self.of(task)})
        )

    def of(
        self, task: str | None = None, arm: str | None = None
    ) -> list[Result]:
        """Returns cells that are no variation, one per seed and more.

        Args:
            task: `None`: all.
            arm: `None`: all.
        """
        return [
            cell
            for cell in self.cells
            if not cell["variation"]
            and task in (None, cell["task"])
            and arm in (None, cell["arm"])
        ]

    def timed(self, task: str, arm: str) -> list[Result]:
        """Returns cells as `of` does, whose seconds may be compared.

        Those of one kind and number of processors: of the one that most arms
        of the task were trained on. Others are left out. Cells that do not
        tell their kind count as of one.
        """
        arms: dict[tuple, set[str]] = {}
        for cell in self.of(task):
            arms.setdefault(trained_on(cell), set()).add(cell["arm"])
        return [
            cell
            for cell in self.of(task, arm)
            if trained_on(cell) == max(arms, key=lambda one: len(arms[one]))
        ]

    def variations(self, prefix: str) -> list[Result]:
        """Returns cells whose variation begins with something."""
        return [
            cell
            for cell in self.cells
            if cell["variation"] and cell["variation"].startswith(prefix)
        ]

    def statistics(self) -> dict[tuple[str, str, int], np.ndarray]:
        """Returns (sentences, 10) of each cell that is no variation."""
        return {
            (cell["task"], cell["arm"], cell["seed"]): np.array(
                cell["sentence_statistics"]["rows"], np.int64
            )
            for cell in self.of()
        }


def trained_on(cell: Result) -> tuple[str, int]:
    """Returns the kind of processor and how many; old results have none."""
    return cell.get("processor_kind", ""), cell["processors"]


def on_one_kind(cells: Iterable[Result]) -> bool:
    """Returns whether all tell one kind of processor, and the same."""
    kinds = {trained_on(cell)[0] for cell in cells}
    return len(kinds) == 1 and "" not in kinds


def name(cell: Result) -> str:
    """Returns `TASK.ARM.SEED[.VARIATION]`."""
    return cell_name(cell["task"], cell["arm"], cell["seed"], cell["variation"])


def load(folder: str, searches_folder: str | None = None) -> ResultSet:
    """Reads the results of a study.

    Args:
        folder: holds its JSON files, and maybe other files.
        searches_folder: of the `search.ARM.json`; `None`: the same.

    Raises:
        InputError: if there are none, or one is damaged, of another version,
            of another study than the rest, or was trained on another text.
    """
    paths = sorted(pathlib.Path(folder).glob("*.json"))
    if searches_folder is not None:
        paths = [path for path in paths if not path.match("search.*")]
        paths += sorted(pathlib.Path(searches_folder).glob("search.*.json"))
    results = {path: result_checks.read(path) for path in paths}
    cells = {p: one for p, one in results.items() if not _is_search(one)}
    searches = {p: one for p, one in results.items() if _is_search(one)}
    if not cells:
        raise InputError(
            f"{folder} has no results of a study: expected files such as "
            "en-de.shared.1.json there, which a study writes."
        )
    for path, cell in cells.items():
        result_checks.check_cell(path, cell)
    result_checks.check_same_text(cells)
    ordered = sorted(cells.values(), key=_place)
    scored = [cell for cell in ordered if not cell.get("diverged")]
    if all(cell["variation"] for cell in scored):
        raise InputError(
            f"{folder} has no scores but those of sweeps, if any: train "
            "cells without a variation (--variations=none) first."
        )
    for path, search in searches.items():
        result_checks.check_search(path, search)
    result_checks.check_one_study(results, "study")
    result_checks.check_one_study(cells, "study_fingerprint")
    return ResultSet(
        next(iter(cells.values()))["study"],
        tuple(scored),
        {
            search["arm"]: search
            for search in sorted(
                searches.values(), key=lambda one: _rank(ARM_ORDER)(one["arm"])
            )
        },
        tuple(cell for cell in ordered if cell.get("diverged")),
    )


def _is_search(result: Result) -> bool:
    return result.get("kind") == "search"


def _rank(order: list[str]) -> Any:
    places = {name: place for place, name in enumerate(order)}
    return lambda name: (places.get(name, len(places)), name)


def _place(cell: Result) -> tuple:
    return (
        bool(cell["variation"]),
        _rank(TASK_ORDER)(cell["task"]),
        _rank(ARM_ORDER)(cell["arm"]),
        cell["seed"],
        cell["variation"],
    )
