"""A study: its cells, and the config of each. No TensorFlow here.

A study is a Python file with `get_study()`; `configs/study_multi30k.py` is
one. A cell is one training: a task, an arm, a seed and, in a sweep, a factor
of the arm's learning rate.
"""

import dataclasses
import hashlib
import json
import os
import runpy
from collections.abc import Mapping
from typing import Any

from shared_transformer_tf import python_file, validation
from shared_transformer_tf.config import Config
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study import arms as arms_lib
from shared_transformer_tf.study import cells as cells_lib
from shared_transformer_tf.study import settings as settings_lib
from shared_transformer_tf.study import tasks as tasks_lib
from shared_transformer_tf.study.arms import Arm, make_arms
from shared_transformer_tf.study.cells import Cell, CellGroup
from shared_transformer_tf.study.cost.scale import Devices

_RATE = "training.learning_rate"


@dataclasses.dataclass(frozen=True)
class Study:
    """Which cells are trained, and how.

    Attributes:
        name: of the study, and of the file that describes it.
        base: config of `vanilla`; its `training.max_tokens` is the budget of
            every cell.
        groups: of cells, in the order in which they are trained. Cells of
            several groups are trained once.
        margin: BLEU by which an arm may be worse and still be called not
            worse.
        search_task: on which settings are searched for.
        search_tokens: target tokens that each trial of a search is trained on.
        search_trials: of each search.
        search_fields: what is searched; none: all that acts in the arm.
        sentence_tokens: of a sentence with its end, for the FLOPs that
            `--dry_run` shows; results have those of their text.
        overhead_seconds: of a cell besides its updates: start, evaluations,
            scores. For `--dry_run`.
        task_settings: further settings of tasks, by their names, such as
            where their text is: of `data` and `tokenizer`. What an arm sets,
            or a search found, goes before them.
        strategy: one of `devices.STRATEGIES`. With another than `none` cells
            are trained one after the other, each on all devices.
        devices: sets of them that `--plan` is made for.
        history: sentences on what was trained besides and is not among the
            results, for the report.
        flag: what `--config` is in commands that are printed; set by `load`.
    """

    name: str
    base: Config
    groups: tuple[CellGroup, ...]
    margin: float = 0.3
    search_task: str = "en-de"
    search_tokens: int = 0
    search_trials: int = 30
    search_fields: tuple[str, ...] = ()
    sentence_tokens: int = 18
    overhead_seconds: float = 60.0
    task_settings: Mapping[str, Mapping[str, Any]] = dataclasses.field(
        default_factory=dict
    )
    strategy: str = "none"
    devices: tuple[Devices, ...] = ()
    history: tuple[str, ...] = ()
    flag: str = ""

    @property
    def arms(self) -> dict[str, Arm]:
        """The arms that have a cell, by name."""
        every = make_arms(self.base.model.num_layers)
        used = {arm for group in self.groups for arm in group.arms}
        return {name: arm for name, arm in every.items() if name in used}

    def arm(self, name: str) -> Arm:
        """Returns an arm, maybe one that only a search is made for."""
        return make_arms(self.base.model.num_layers)[name]

    @property
    def tasks(self) -> list[str]:
        """The tasks that have a cell."""
        named = (task for group in self.groups for task in group.tasks)
        return list(dict.fromkeys(named))

    @property
    def seeds(self) -> list[int]:
        """The seeds that a cell has."""
        return sorted({seed for group in self.groups for seed in group.seeds})

    @property
    def searches(self) -> list[str]:
        """The arms whose search other arms have their settings from."""
        found = (arm.search for arm in self.arms.values() if arm.search)
        return list(dict.fromkeys(found))

    @property
    def fingerprint(self) -> str:
        """Of name, margin, base and tasks; cells may be added later."""
        plain = Config().to_dict()
        base = settings_lib.portable(self.base).to_dict()
        own = {
            f"{section}.{name}": value
            for section, fields in base.items()
            for name, value in fields.items()
            if value != plain[section][name]
        }
        of_tasks = {
            f"{task}: {name}": value
            for task, fields in self.task_settings.items()
            for name, value in fields.items()
            if not settings_lib.is_place(name)
        }
        known = [self.name, self.margin, own, *([of_tasks] if of_tasks else [])]
        text = json.dumps(known, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def cells(self) -> list[Cell]:
        """Returns all cells, each once."""
        found = (cell for group in self.groups for cell in group.cells())
        return list(dict.fromkeys(found))

    def extensions(self, dev_bleu: Mapping[str, float]) -> list[Cell]:
        """Returns the cells that sweeps are to be extended by.

        Args:
            dev_bleu: by the names of cells that are done.
        """
        found = []
        for group in self.groups:
            if group.extended:
                plain = dataclasses.replace(group, rate_factors=(1.0,))
                for cell in plain.cells():
                    found.append(
                        cells_lib.extension(cell, group.rate_factors, dev_bleu)
                    )
        return [cell for cell in found if cell is not None]

    def beyond(self) -> list[Cell]:
        """Returns all cells that sweeps may come to be extended by."""
        return [cell for group in self.groups for cell in group.beyond()]

    def search_base(self, arm: str) -> Config:
        """Returns the config that a search for an arm varies."""
        of_task = self.task_config(self.search_task)
        return settings_lib.changed(self.base, of_task | self.arm(arm).settings)

    def task_config(self, task: str) -> dict[str, Any]:
        """Returns what a task sets: value by `section.field`."""
        further = self.task_settings.get(task, {})
        return tasks_lib.parse(task).settings | dict(further)

    def settings(
        self, cell: Cell, found: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Any] | None:
        """Returns what a cell sets apart from the base, task and seed.

        Args:
            cell: of the study.
            found: settings by the arm that they were searched for.

        Returns:
            Value by `section.field`; `None` where the search is not done yet.
        """
        arm = self.arm(cell.arm)
        if arm.search and arm.search not in found:
            return None
        settings = arm.settings | dict(found.get(arm.search, {}))
        rate = settings.get(_RATE, self.base.training.learning_rate)
        return settings | {_RATE: rate * cell.rate_factor}

    def config(
        self, cell: Cell, found: Mapping[str, Mapping[str, Any]]
    ) -> Config | None:
        """Returns the config of a cell; `None` as `settings`.

        Raises:
            InputError: if it is not valid.
        """
        settings = self.settings(cell, found)
        if settings is None:
            return None
        settings = self.task_config(cell.task) | settings
        return settings_lib.changed(
            self.base, settings | {"training.seed": cell.seed}
        )

    def check(self) -> None:
        """Checks what can be checked without text.

        Raises:
            InputError: if the study has no cells, an arm or task that there
                is not, or a base that no budget holds for.
        """
        self.base.validate()
        validation.check_read(self.base)
        training = self.base.training
        if not training.max_tokens or training.max_steps or training.patience:
            raise InputError(
                f"The base of the study {self.name} has training.max_tokens="
                f"{training.max_tokens}, max_steps={training.max_steps} and "
                f"patience={training.patience}; expected a number of tokens "
                "and twice 0, so that every cell has the same budget."
            )
        self._check_shape()
        if not self.cells():
            raise InputError(f"The study {self.name} has no cells.")
        used = {arm for group in self.groups for arm in group.arms}
        arms_lib.check(used, self.base.model.num_layers, self.name)
        for task in self.tasks:
            tasks_lib.parse(task)
        for task, fields in self.task_settings.items():
            for field in fields:
                if field.partition(".")[0] not in ("data", "tokenizer"):
                    raise InputError(
                        f"The study {self.name} sets {field} for {task}; "
                        "expected fields of data and tokenizer, or the arms "
                        "would not be what their names say."
                    )

    def _check_shape(self) -> None:
        """Arms say depth and blocks of both stacks: the base must not."""
        fixed = {"model.sharing": (self.base.model.sharing, "none")} | {
            f"decoder.{name}": (getattr(self.base.decoder, name), None)
            for name in ("num_layers", "num_blocks", "sharing")
        }
        for name, (value, expected) in fixed.items():
            if value != expected:
                raise InputError(
                    f"The base of the study {self.name} has {name}={value!r}, "
                    f"expected {expected!r}: its layers have blocks of their "
                    "own, and the arms say how theirs differ."
                )


def _check_base(
    path: str | os.PathLike, searched: Config | None, study: Study
) -> None:
    """Searches vary what `get_config` returns; of another they are refused."""
    if study.searches and searched is not None and searched != study.base:
        raise InputError(
            f"get_config() of {path} returns another config than the base of "
            "get_study(), for whose arms it is searched: return the same."
        )


def load(path: str | os.PathLike, flag: str = "") -> Study:
    """Returns the study that a Python file describes, checked.

    Args:
        path: of the file.
        flag: how commands name it; unset, by the study's name. Of an absolute
            path the last part is kept: results say no place of a machine.

    Raises:
        InputError: if there is none, or it is wrong.
    """
    stem = os.path.splitext(os.path.basename(path))[0]
    with python_file.mistakes_told(path, "The study"):
        module = runpy.run_path(str(path))
        if "get_study" not in module:
            raise InputError(
                f"{path} has no function get_study() that returns a Study: it "
                "is no study."
            )
        study = module["get_study"]()
        searched = module.get("get_config", lambda: None)()
    if not isinstance(study, Study) or study.name != stem:
        name = getattr(study, "name", type(study).__name__)
        raise InputError(
            f"get_study() of {path} returns {name!r}, expected a Study with "
            f"the file's name {stem!r}."
        )
    study.check()
    _check_base(path, searched, study)
    if os.path.isabs(flag):
        flag = os.path.basename(flag)
    return dataclasses.replace(study, flag=flag or stem)
