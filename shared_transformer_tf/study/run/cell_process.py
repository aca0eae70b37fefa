"""Processes of cells, on a processor each. No TensorFlow here."""

import dataclasses
import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import IO, Any

from shared_transformer_tf import cpu
from shared_transformer_tf.study.cells import Cell
from shared_transformer_tf.study.import_path import import_path

MODULE = "shared_transformer_tf.study.cell.cell_training"
_ONE_THREAD = {
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "KERAS_BACKEND": "tensorflow",
    "PYTHONUNBUFFERED": "1",
}


@dataclasses.dataclass(frozen=True)
class StudyFolder:
    """The folder in which a study works.

    runs/CELL/   vocabularies/TASK/   logs/CELL.log   study.json   lock
    throughput.json; runs and vocabularies have a NAME.lock beside them, runs
    a NAME.processors

    Attributes:
        path: the folder; need not exist yet.
    """

    path: str

    def run(self, cell: Cell) -> str:
        """Returns the run directory of a cell."""
        return self._file("runs", cell.name)

    def log(self, cell: Cell) -> str:
        """Returns the file with what the process of a cell says."""
        return self._file("logs", f"{cell.name}.log")

    def vocabulary(self, task: str) -> str:
        """Returns the folder of a task's vocabulary."""
        return self._file("vocabularies", task)

    @property
    def lock(self) -> str:
        """The file that one study at a time has open."""
        return self._file("lock")

    @property
    def owner(self) -> str:
        """The file that says whose folder it is."""
        return self._file("study.json")

    @property
    def throughput(self) -> str:
        """The file with measured speeds."""
        return self._file("throughput.json")

    def _file(self, *names: str) -> str:
        return os.path.abspath(os.path.join(self.path, *names))

    def make(self) -> None:
        """Makes the folders that processes write into."""
        for name in ("runs", "logs", "vocabularies"):
            os.makedirs(self._file(name), exist_ok=True)


@dataclasses.dataclass(frozen=True)
class Order:
    """What all cells of a study have in common when they are started.

    Attributes:
        study_file: the Python file of the study.
        folder: in which it works.
        results: folder of the results.
        found: settings by the arm that they were searched for.
    """

    study_file: str
    folder: StudyFolder
    results: str
    found: Mapping[str, Mapping[str, Any]]

    def request(self, cell: Cell, command: str) -> dict[str, Any]:
        """Returns what the process of a cell is told.

        Args:
            cell: of the study.
            command: that trains this cell alone.
        """
        return {
            "study": os.path.abspath(self.study_file),
            "cell": dataclasses.asdict(cell),
            "found": self.found,
            "run": self.folder.run(cell),
            "vocabulary": self.folder.vocabulary(cell.task),
            "results": os.path.abspath(self.results),
            "command": command,
        }


class CellProcess:
    """A process that ends when we do, maybe on one processor.

    Args:
        module: of Python, to run.
        request: a line of its standard input, which stays open behind it: a
            process that sees its end knows that we are gone.
        processor: number of the processor; `None`: not bound to one.
        output: for its standard output.
        log: for its standard error.
    """

    def __init__(
        self,
        module: str,
        request: Mapping[str, Any],
        processor: int | None,
        output: IO | int,
        log: IO,
    ):
        self.started = time.monotonic()
        self._asked = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=log,
            text=True,
            env=cpu.kept_memory()
            | os.environ
            | _ENVIRONMENT
            | ({} if processor is None else _ONE_THREAD)
            | {"PYTHONPATH": import_path()},
            # before TensorFlow makes its threads
            preexec_fn=functools.partial(_bind, processor),
            start_new_session=True,  # Ctrl-C is ours to pass on
        )
        self.stdout = self._process.stdout
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:  # it failed at once; its exit code says so
            pass

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """`None` while it runs; negative if a signal ended it."""
        return self._process.poll()

    def stop(self) -> None:
        """Asks the process to save and end; a second time does nothing."""
        if self.exit_code is None and not self._asked:
            self._asked = True
            self._process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Waits for the end and returns the exit code."""
        code = self._process.wait()
        self._process.stdin.close()
        return code


def start(
    order: Order, cell: Cell, command: str, processor: int | None
) -> CellProcess:
    """Starts the training of a cell, or goes on with it."""
    with open(order.folder.log(cell), "a", encoding="utf-8") as log:
        return CellProcess(
            MODULE, order.request(cell, command), processor, log, log
        )


def last_line(path: str) -> str:
    """Returns the last line of a log that says something."""
    with open(path, encoding="utf-8", errors="replace") as stream:
        lines = [line.strip() for line in stream if line.strip()]
    return lines[-1].removeprefix("Error: ") if lines else "it said nothing"


def _bind(processor: int | None) -> None:
    if processor is not None:
        os.sched_setaffinity(0, {processor})
