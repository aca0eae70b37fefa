"""The result of a cell: one JSON file, which is all that a report reads.

A training that diverged has one, too: `diverged` says why, and it has no
scores. The file is called `TASK.ARM.SEED[.VARIATION].json`. It says no place
of the machine that it comes from, and holds no text.
"""

import dataclasses
import json
import math
import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from shared_transformer_tf.config import Config
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study import result_checks, settings, whole_file
from shared_transformer_tf.study.cells import Cell
from shared_transformer_tf.study.plan import Study

Result = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class ResultFolder:
    """The results of one study.

    Attributes:
        path: the folder; need not exist yet.
        study: whose they are.
    """

    path: str
    study: Study

    def file(self, cell: Cell) -> str:
        """Returns the path of a cell's result, written or not."""
        return os.path.join(self.path, f"{cell.name}.json")

    def read(self, cell: Cell, config: Config | None) -> Result | None:
        """Returns the result of a cell; `None` if it is not there.

        Args:
            cell: of the study.
            config: that it is trained with; `None`: not known.

        Raises:
            InputError: if it is damaged, of another study, or of a cell that
                was trained with another config.
        """
        path = self.file(cell)
        if not os.path.exists(path):
            return None
        result = self._read_own(path)
        result_checks.check_cell(pathlib.Path(path), result)
        try:
            before = Config.from_dict(result["config"])
        except InputError as error:
            raise InputError(
                f"{path} has no config that this version reads ({error}): "
                "restore it, or delete it and run the study again."
            ) from error
        if config is not None:
            _check_config(path, before, settings.portable(config))
        return result

    def read_all(
        self, configs: Mapping[Cell, Config | None]
    ) -> dict[Cell, Result]:
        """Returns the results that are there, by cell.

        Raises:
            InputError: as `read`; or if the folder has results of another
                study under other names, or cells of a task that had not the
                same text and vocabulary.
        """
        self._check_others(configs)
        found = {
            cell: self.read(cell, config) for cell, config in configs.items()
        }
        there = {cell: one for cell, one in found.items() if one is not None}
        result_checks.check_same_text(
            {pathlib.Path(self.file(cell)): one for cell, one in there.items()}
        )
        return there

    def write(self, cell: Cell, result: Result) -> None:
        """Writes a result, beside and renamed: one line for each field."""
        lines = [
            f"{json.dumps(name)}: {json.dumps(value, separators=(',', ':'))}"
            for name, value in result.items()
        ]
        text = "{\n" + ",\n".join(lines) + "\n}\n"
        whole_file.write(self.file(cell), text)

    def _read_own(self, path: str) -> Result:
        result = result_checks.read(pathlib.Path(path))
        for name, value in (
            ("study", self.study.name),
            ("study_fingerprint", self.study.fingerprint),
        ):
            if result.get(name) != value:
                raise InputError(
                    f"{path} is a result of another study: its {name} is "
                    f"{result.get(name)!r}, expected {value!r}. Name another "
                    "folder with --results."
                )
        return result

    def _check_others(self, cells: Iterable[Cell]) -> None:
        """A folder of another study may share no cell with this one."""
        known = {f"{cell.name}.json" for cell in cells}
        if not os.path.isdir(self.path):
            return
        for name in sorted(os.listdir(self.path)):
            searched = name.startswith("search.")
            if name.endswith(".json") and name not in known and not searched:
                self._read_own(os.path.join(self.path, name))


def dev_bleu(result: Mapping[str, Any]) -> float:
    """Returns dev BLEU of a result; that of what diverged is the lowest."""
    return -math.inf if result.get("diverged") else result["dev"]["bleu"]


def _check_config(path: str, before: Config, now: Config) -> None:
    was, expected = before.to_dict(), now.to_dict()
    for section, fields in expected.items():
        for name, value in fields.items():
            if was[section][name] != value:
                raise InputError(
                    f"{path} was trained with {section}.{name}="
                    f"{was[section][name]!r}, but this study says {value!r}: "
                    "delete it to train the cell anew, or name another folder "
                    "with --results."
                )
