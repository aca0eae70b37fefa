"""The cells of a study that are asked for, and which of them are done."""

import dataclasses
import os
import shlex
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study import cells as cells_lib
from shared_transformer_tf.study.arms import check_names
from shared_transformer_tf.study.cells import PLAIN, Cell
from shared_transformer_tf.study.plan import Study
from shared_transformer_tf.study.result import Result, ResultFolder, dev_bleu


@dataclasses.dataclass(frozen=True)
class State:
    """How far a selection is.

    Attributes:
        done: results by cell.
        ready: cells that can be trained.
        waiting: the arm whose search a cell waits for, by cell.
        found: arms whose search is done.
    """

    done: dict[Cell, Result]
    ready: list[Cell]
    waiting: dict[Cell, str]
    found: Collection[str]


@dataclasses.dataclass(frozen=True)
class Selection:
    """Some cells of a study.

    Attributes:
        study: of the cells.
        tasks: names; none: all. Of the other three likewise.
        arms: names.
        seeds: numbers.
        variations: such as `learning_rate_x0.5`; `none` is the plain cell.
    """

    study: Study
    tasks: Sequence[str] = ()
    arms: Sequence[str] = ()
    seeds: Sequence[int] = ()
    variations: Sequence[str] = ()

    def check(self) -> None:
        """Checks that there are such cells.

        Raises:
            InputError: naming what there is not, and what there is.
        """
        study = self.study
        check_names(self.tasks, study.tasks, "task")
        check_names(self.arms, list(study.arms), "arm")
        check_names(
            list(map(str, self.seeds)), list(map(str, study.seeds)), "seed"
        )
        planned = {cell.variation or PLAIN for cell in study.cells()}
        check_names(
            [v for v in self.variations if cells_lib.factor(v) is None],
            sorted(planned),
            "variation",
        )
        if not any(map(self.has, self._cells())):
            raise InputError(
                "The study has no cell of these tasks, arms, seeds and "
                "variations together: see --dry_run without them."
            )

    def _cells(self) -> list[Cell]:
        """Those of the study, and extensions of sweeps that are named."""
        factors = map(cells_lib.factor, self.variations)
        named = [
            cell
            for factor in factors
            if factor is not None
            for group in self.study.groups
            if group.extended
            for cell in dataclasses.replace(
                group, rate_factors=(factor,)
            ).cells()
        ]
        return list(dict.fromkeys([*self.study.cells(), *named]))

    def has(self, cell: Cell) -> bool:
        """Returns whether a cell is asked for."""
        return all(
            not asked or own in asked
            for own, asked in (
                (cell.task, self.tasks),
                (cell.arm, self.arms),
                (cell.seed, self.seeds),
                (cell.variation or PLAIN, self.variations),
            )
        )

    def results(self, folder: str) -> ResultFolder:
        """Returns the results of the study in a folder."""
        return ResultFolder(folder, self.study)

    def state(
        self, folder: str, found: Mapping[str, Mapping[str, Any]]
    ) -> State:
        """Returns what is done, in order of the study.

        Args:
            folder: of the results.
            found: settings by the arm that they were searched for.

        Raises:
            InputError: if a result is of another study or config.
        """
        study, results = self.study, self.results(folder)
        # Also results of extensions that sweeps do not come to any more are
        # compared with the config that their cell has now.
        trained = [c for c in study.beyond() if os.path.exists(results.file(c))]
        cells = list(dict.fromkeys([*self._cells(), *trained]))
        done: dict[Cell, Result] = {}
        while True:
            configs = {cell: study.config(cell, found) for cell in cells}
            done = results.read_all(configs)
            bleu = {c.name: dev_bleu(one) for c, one in done.items()}
            more = [c for c in study.extensions(bleu) if c not in configs]
            if not more:
                break
            cells += more
        asked = [cell for cell in cells if self.has(cell)]
        waiting = {
            cell: study.arms[cell.arm].search
            for cell in asked
            if cell not in done and configs[cell] is None
        }
        return State(
            {cell: done[cell] for cell in asked if cell in done},
            [c for c in asked if c not in done and c not in waiting],
            waiting,
            tuple(found),
        )

    def command(self, cell: Cell, other_searches: bool = False) -> str:
        """Returns the command that trains a cell again, elsewhere.

        Args:
            cell: of the study.
            other_searches: whether its settings come from searches that are
                not those in `results/STUDY`.
        """
        config = shlex.quote(f"--config={self.study.flag}")
        searches = ""
        if other_searches and self.study.arms[cell.arm].search:
            searches = "--searches=SEARCHES "
        return (
            f"python bin/study.py {config} --workdir=DIR "
            f"--results=DIR/results {searches}--tasks={cell.task} "
            f"--arms={cell.arm} --seeds={cell.seed} "
            f"--variations={cell.variation or PLAIN}"
        )
