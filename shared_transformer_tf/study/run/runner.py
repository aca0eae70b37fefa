"""Trains the cells of a study, several at a time, and tells how far it is."""

import dataclasses
import os
import pathlib
import sys
import time
from collections.abc import Mapping, Sequence

from shared_transformer_tf import file_lock
from shared_transformer_tf.config import Config
from shared_transformer_tf.errors import InputError, StoppedError
from shared_transformer_tf.study import found_settings
from shared_transformer_tf.study.cells import Cell
from shared_transformer_tf.study.plan import Study
from shared_transformer_tf.study.run import cell_process, checks
from shared_transformer_tf.study.run.time_left import TimeLeft
from shared_transformer_tf.study.selection import Selection
from shared_transformer_tf.training.stop_signals import StopSignals

_POLL_SECONDS = 0.2


class StudyRunner:
    """Trains what is not trained yet.

    Args:
        selection: cells that are asked for.
        order: for their processes.
        searches: folder of the results of searches.
        processors: numbers of those that cells may run on, one each; `None`
            is all of them.
    """

    def __init__(
        self,
        selection: Selection,
        order: cell_process.Order,
        searches: str,
        processors: Sequence[int | None],
    ):
        self._selection = selection
        self._order = order
        self._searches = searches
        self._free = list(processors)
        self._running: dict[
            Cell, tuple[cell_process.CellProcess, int | None]
        ] = {}
        self._failed: dict[Cell, str] = {}
        self._left = TimeLeft(len(processors))

    def run(self) -> list[str]:
        """Trains, and prints a line for each cell that is done.

        Returns:
            The names of cells that failed.

        Raises:
            StoppedError: if a signal came; each cell has saved what it did.
            InputError: if a result or a search is not of this study.
        """
        folder = self._order.folder
        folder.make()
        refusal = (
            f"Another study runs in {os.path.dirname(folder.lock)}: wait for "
            "it, or name another --workdir."
        )
        with file_lock.held(folder.lock, refusal), StopSignals() as signals:
            checks.sign(folder, self._selection.study)
            while todo := self._todo():
                self._train(todo, signals)
                if signals.received:
                    raise StoppedError(
                        f"Stopped, cells left: {self._left.number}. What was "
                        "trained is saved: the same command goes on.",
                        signals.received,
                    )
        return [cell.name for cell in self._failed]

    def _todo(self) -> list[Cell]:
        """What can be trained now; searches may have ended meanwhile."""
        found = found_settings.read(self._searches, self._selection.study)
        self._order = dataclasses.replace(self._order, found=found)
        state = self._selection.state(self._order.results, found)
        return [cell for cell in state.ready if cell not in self._failed]

    def _train(self, todo: Sequence[Cell], signals: StopSignals) -> None:
        waiting = list(todo)
        print(
            f"Cells to train: {len(todo)}, {len(self._free)} at a time. Their "
            f"logs: {os.path.dirname(self._order.folder.log(todo[0]))}",
            file=sys.stderr,
            flush=True,
        )
        self._left.expect({cell: self._config(cell) for cell in todo})
        try:
            while (waiting and not signals.received) or self._running:
                while waiting and self._free and not signals.received:
                    self._start(waiting.pop(0))
                if signals.received:
                    self._stop()
                for cell in list(self._running):
                    self._look_at(cell, stopped=bool(signals.received))
                time.sleep(_POLL_SECONDS)
        finally:  # a second signal raises
            self._stop()

    @property
    def _searches_are_shipped(self) -> bool:
        """Whether a command finds them without being told where."""
        shipped = pathlib.Path("results", self._selection.study.name)
        return pathlib.Path(self._searches).resolve() == shipped.resolve()

    def _config(self, cell: Cell) -> Config:
        return self._selection.study.config(cell, self._order.found)

    def _start(self, cell: Cell) -> None:
        processor = self._free.pop(0)
        selection = self._selection
        command = selection.command(cell, not self._searches_are_shipped)
        process = cell_process.start(self._order, cell, command, processor)
        self._running[cell] = process, processor

    def _stop(self) -> None:
        for process, _ in self._running.values():
            process.stop()

    def _look_at(self, cell: Cell, stopped: bool) -> None:
        process, processor = self._running[cell]
        code = process.exit_code
        if code is None:
            return
        process.wait()
        del self._running[cell]
        self._free.append(processor)
        if code == 0:
            self._tell_done(cell, time.monotonic() - process.started)
        elif not stopped:
            self._tell_failed(cell, code)

    def _tell_done(self, cell: Cell, seconds: float) -> None:
        results = self._selection.results(self._order.results)
        result = results.read(cell, None)
        reason = result.get("diverged")
        # maybe it went on from updates of an earlier day
        whole = max(seconds, result.get("seconds", 0.0))
        self._left.note(cell, None if reason else whole)
        if reason:
            self._print(f"{cell.name} diverged, which is its result: {reason}")
            return
        self._print(
            f"{cell.name}: dev BLEU {result['dev']['bleu']:.2f}, test BLEU "
            f"{result['test']['bleu']:.2f}, {result['updates']:,} updates in "
            f"{result['seconds'] / 60:.1f} minutes"
        )

    def _tell_failed(self, cell: Cell, code: int) -> None:
        log = self._order.folder.log(cell)
        reason = cell_process.last_line(log)
        if code < 0:
            reason = f"ended by signal {-code}."
        self._failed[cell] = reason
        self._left.note(cell, None)
        self._print(f"{cell.name} failed: {reason} Log: {log}")

    def _print(self, line: str) -> None:
        print(f"{self._left.describe()}  {line}", file=sys.stderr, flush=True)


def choose_processors(
    workers: int, strategy: str = "none"
) -> list[int] | list[None]:
    """Returns the processors for some cells at a time.

    Where a cell is distributed over devices it is alone, and bound to none.

    Raises:
        InputError: if this process may not use as many.
    """
    if strategy != "none":
        return [None]
    allowed = sorted(os.sched_getaffinity(0))
    if not 1 <= workers <= len(allowed):
        raise InputError(
            f"--workers={workers} cells at a time need as many processors, "
            f"expected 1 to {len(allowed)}, which this process may use."
        )
    return allowed[:workers]


def describe_waiting(
    study: Study, waiting: Mapping[Cell, str], searches: str
) -> list[str]:
    """Returns which cells wait for which searches, a line for each search.

    Args:
        study: of the cells.
        waiting: the arm whose search a cell waits for, by cell.
        searches: folder where its result is expected.
    """
    lines = []
    for arm in dict.fromkeys(waiting.values()):
        names = [cell.name for cell, needed in waiting.items() if needed == arm]
        lines.append(
            f"Waiting for the search for {arm}: {', '.join(names[:3])}"
            + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            + f". Search: {found_settings.command(study, arm, searches)}"
        )
    return lines
