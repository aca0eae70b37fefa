"""What is demanded of the files of results, one at a time."""

import pathlib
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study import whole_file
from shared_transformer_tf.study.cells import cell_name

FORMAT = 1
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
_OF_DIVERGED = _OF_BOTH | {
    "study_fingerprint": str,
    "seed": int,
    "variation": str,
    "config": dict,
    "diverged": str,
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

_CURVE = ("update", "tokens", "seconds")
_NUMBERS = {
    "training_curve": (*_CURVE, "loss", "gradient_norm"),
    "curve": (*_CURVE, "flops", "bleu", "chrf", "loss"),
    "gradients": ("update", "tokens"),
}
_OF_USES = ("uses", "norm", "norm_mean", "norm_min", "norm_max", "update_ratio")

Result = Mapping[str, Any]


def read(path: pathlib.Path) -> dict[str, Any]:
    """Returns the contents of a result's file.

    Raises:
        InputError: if it is damaged or of another version.
    """
    result = whole_file.read_json(
        path,
        "restore it, or delete it and run the study again, which trains that "
        "cell alone",
    )
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        found = result.get("format") if isinstance(result, dict) else None
        raise InputError(
            f"{path} is no result that this version reads: its format is "
            f"{found!r}, expected {FORMAT}. Delete it, or name another folder "
            "with --results."
        )
    return result


def check_cell(path: pathlib.Path, cell: Result) -> None:
    """Checks fields, name and scores of a cell's file.

    Raises:
        InputError: naming what is wrong with it.
    """
    main = not cell.get("variation")
    fields = _OF_MAIN_CELL if main else _OF_CELL
    if cell.get("diverged"):
        main, fields = False, _OF_DIVERGED
    _check_fields(path, cell, fields)
    named = (cell[field] for field in ("task", "arm", "seed", "variation"))
    _check_name(path, cell_name(*named))
    if not isinstance(cell.get("fingerprints", {}), Mapping):
        _refuse(path, "fingerprints", cell["fingerprints"])
    if not cell.get("diverged"):
        _check_points(path, cell)
    if main:
        _check_scores(path, cell)


def check_search(path: pathlib.Path, search: Result) -> None:
    """Checks fields and name of a search's file.

    Raises:
        InputError: naming what is wrong with it.
    """
    _check_fields(path, search, _OF_SEARCH)
    _check_name(path, f"search.{search['arm']}")


def _check_scores(path: pathlib.Path, cell: Result) -> None:
    """The score has to follow from the counts of its sentences."""
    # not before: it imports numpy
    from shared_transformer_tf.evaluation import sufficient_statistics

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


def _check_points(path: pathlib.Path, cell: Result) -> None:
    """Curves and gradients are lists of records of numbers."""
    _check_numbers(path, "dev", cell["dev"], ("bleu",))
    for field, names in _NUMBERS.items():
        for place, point in enumerate(cell[field]):
            _check_numbers(path, f"{field}[{place}]", point, names)
    for place, point in enumerate(cell["gradients"]):
        where = f"gradients[{place}].weights"
        weights = point.get("weights")
        if not isinstance(weights, Mapping):
            _refuse(path, where, weights)
        for name, uses in weights.items():
            _check_numbers(path, f"{where}.{name}", uses, _OF_USES)


def _check_numbers(
    path: pathlib.Path, where: str, record: Any, names: Iterable[str]
) -> None:
    if not isinstance(record, Mapping):
        _refuse(path, where, record)
    for name in names:
        value = record.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            _refuse(path, f"{where}.{name}", value)


def _refuse(path: pathlib.Path, where: str, value: Any) -> NoReturn:
    raise InputError(
        f"{path}: {where} is {value!r:.40}, which no cell writes. Restore the "
        "file, or delete it and run the study again."
    )


def check_same_text(cells: Mapping[pathlib.Path, Result]) -> None:
    """Checks that cells of a task and seed had one text and one vocabulary.

    Cells without hashes, such as those that diverged, are passed over.

    Raises:
        InputError: naming two that had not.
    """
    first: dict[tuple, tuple[pathlib.Path, str]] = {}
    for path, cell in cells.items():
        for what, found in cell.get("fingerprints", {}).items():
            key = (cell["task"], cell["seed"], what)
            other, expected = first.setdefault(key, (path, found))
            if found != expected:
                raise InputError(
                    f"{other} and {path} were not trained on the same {what} "
                    f"(hashes {expected!r:.40}, {found!r:.40}), so their "
                    "scores cannot be compared: delete those of one, and run "
                    "the study again."
                )


def check_one_study(results: Mapping[pathlib.Path, Result], field: str) -> None:
    """Checks that all files have the same value in a field.

    Raises:
        InputError: naming two that have not.
    """
    of_first: Iterable = iter(results.items())
    first_path, first = next(of_first)
    for path, result in of_first:
        if result[field] != first[field]:
            raise InputError(
                f"Results of two studies: {first_path} has {field} "
                f"{first[field]!r:.40}, {path} has {result[field]!r:.40}. "
                "Keep each study's results in a folder of its own."
            )
