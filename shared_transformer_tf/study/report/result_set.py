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
from shared_transformer_tf.evaluation import sufficient_statistics
from shared_transformer_tf.study import whole_file
from shared_transformer_tf.study.arms import make_arms
from shared_transformer_tf.study.result import FORMAT

TASK_ORDER = "en-de de-en en-fr fr-en en-cs cs-en de-fr fr-de".split()
ARM_ORDER = list(make_arms(num_blocks=2))
MAIN_ARMS = tuple("vanilla shared tuned shared_tuned compact deep".split())
_OF_BOTH = {"study": str, "arm": str, "task": str}
_OF_CELL = _OF_BOTH | {
    "study_fingerprint": str,
    "seed": int,
    "variation": str,
    "settings": dict,
    "config": dict,
    "versions": dict,
    "weights": int,
    "flops_per_token": (int, float),
    "flops": (int, float),
    "tokens": (int, float),
    "updates": int,
    "seconds": (int, float),
    "processors": int,
    "training_curve": list,
    "curve": list,
    "dev": dict,
    "gradients": list,
    "command": str,
}
_OF_MAIN_CELL = _OF_CELL | {"test": dict, "sentence_statistics": dict}
_OF_SEARCH = _OF_BOTH | {
    "settings": dict,
    "trials": list,
    "importance": dict,
    "budget_tokens": int,
    "objective": str,
    "oracle": str,
}

Result = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class ResultSet:
    """What was run of a study.

    Attributes:
        study: its name.
        cells: contents of their files, tasks and arms in the order of the
            study, variations behind.
        searches: contents of theirs, by arm.
    """

    study: str
    cells: tuple[Result, ...]
    searches: Mapping[str, Result]

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
        of the task were trained on. Others are left out.
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


def name(cell: Result) -> str:
    """Returns `TASK.ARM.SEED[.VARIATION]`."""
    parts = [cell["task"], cell["arm"], str(cell["seed"]), cell["variation"]]
    return ".".join(filter(None, parts))


def load(folder: str, searches_folder: str | None = None) -> ResultSet:
    """Reads the results of a study.

    Args:
        folder: holds its JSON files, and maybe other files.
        searches_folder: of the `search.ARM.json`; `None`: the same.

    Raises:
        InputError: if there are none, or one is damaged, of another version,
            or of another study than the rest.
    """
    paths = sorted(pathlib.Path(folder).glob("*.json"))
    if searches_folder is not None:
        paths = [path for path in paths if not path.match("search.*")]
        paths += sorted(pathlib.Path(searches_folder).glob("search.*.json"))
    results = {path: _read(path) for path in paths}
    cells = {p: one for p, one in results.items() if not _is_search(one)}
    searches = {p: one for p, one in results.items() if _is_search(one)}
    if not cells:
        raise InputError(
            f"{folder} has no results of a study: expected files such as "
            "en-de.shared.1.json there, which a study writes."
        )
    for path, cell in cells.items():
        _check_cell(path, cell)
    if all(cell["variation"] for cell in cells.values()):
        raise InputError(
            f"{folder} has sweeps alone, such as {next(iter(cells)).name}: "
            "train cells without a variation (--variations=none) first."
        )
    for path, search in searches.items():
        _check_fields(path, search, _OF_SEARCH)
        _check_name(path, f"search.{search['arm']}")
    _check_one_study(results, "study")
    _check_one_study(cells, "study_fingerprint")
    return ResultSet(
        next(iter(cells.values()))["study"],
        tuple(sorted(cells.values(), key=_place)),
        {
            search["arm"]: search
            for search in sorted(
                searches.values(), key=lambda one: _rank(ARM_ORDER)(one["arm"])
            )
        },
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


def _read(path: pathlib.Path) -> Result:
    result = whole_file.read_json(
        path,
        "restore it, or delete it and run the study again, which trains that "
        "cell alone",
    )
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        found = result.get("format") if isinstance(result, dict) else None
        raise InputError(
            f"{path} is no result that this version reads: its format is "
            f"{found!r}, expected {FORMAT}."
        )
    return result


def _check_cell(path: pathlib.Path, cell: Result) -> None:
    main = not cell.get("variation")
    _check_fields(path, cell, _OF_MAIN_CELL if main else _OF_CELL)
    _check_name(path, name(cell))
    if not main:
        return
    statistics = cell["sentence_statistics"]
    if tuple(statistics.get("columns", ())) != sufficient_statistics.COLUMNS:
        raise InputError(
            f"{path}: the columns of sentence_statistics are "
            f"{statistics.get('columns')!r:.80}, expected "
            f"{', '.join(sufficient_statistics.COLUMNS)}."
        )
    try:
        rows = sufficient_statistics.check_statistics(statistics.get("rows"))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    told = cell["test"].get("bleu")
    bleu = float(sufficient_statistics.corpus_bleu(rows.sum(0)))
    if not isinstance(told, int | float) or abs(told - bleu) > 1e-6:
        raise InputError(
            f"{path}: test.bleu is {told!r}, but its sentence statistics "
            f"give {bleu:.6f}: the file was changed. Restore it or train the "
            "cell again."
        )


def _check_fields(
    path: pathlib.Path, result: Result, fields: Mapping[str, Any]
) -> None:
    for field, kind in fields.items():
        value = result.get(field)
        if not isinstance(value, kind) or isinstance(value, bool):
            problem = f"is {value!r:.40}" if field in result else "is missing"
            raise InputError(
                f"{path}: the field {field!r} {problem}. Restore the file, or "
                "delete it and run the study again."
            )


def _check_name(path: pathlib.Path, expected: str) -> None:
    if path.stem != expected:
        raise InputError(
            f"{path} holds the result {expected}: name it {expected}.json, "
            "or delete it."
        )


def _check_one_study(
    results: Mapping[pathlib.Path, Result], field: str
) -> None:
    of_first: Iterable = iter(results.items())
    first_path, first = next(of_first)
    for path, result in of_first:
        if result[field] != first[field]:
            raise InputError(
                f"Results of two studies: {first_path} has {field} "
                f"{first[field]!r:.40}, {path} has {result[field]!r:.40}. "
                "Keep each study's results in a folder of its own."
            )
