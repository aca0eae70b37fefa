"""Keras Tuner's chief, and the workers that it watches over.

The chief's service and its protocol are Keras Tuner's. The loop around them
is ours, because the one of Keras Tuner 1.4.8 waits forever for a worker that
died, and its workers wait an hour for a chief that did.
"""

import contextlib
import dataclasses
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures

import grpc
import tensorflow as tf
from absl import logging
from keras_tuner.src import protos
from keras_tuner.src.distribute import oracle_chief

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study.import_path import import_path
from shared_transformer_tf.study.search import oracles, tuner
from shared_transformer_tf.study.search import worker as worker_lib
from shared_transformer_tf.study.search.folder import SearchFolder
from shared_transformer_tf.study.search.settings import SearchSettings

_LOOK_SECONDS = 0.2
_SECONDS_TO_END = 60
# These ask a process to end: its trial is not to blame.
_ASKED = (signal.SIGTERM, signal.SIGINT)
_MOST_EARLY_DEATHS = 3
_SIGNALLED = 128  # and the signal's number: exit codes of those that saved


@dataclasses.dataclass
class _Worker:
    """A process, where what it says is kept, and the trials begun before it."""

    name: str
    processors: set[int]
    gpus: str
    log: str
    process: subprocess.Popen
    trials_before: int


class Crew:
    """The workers of a search: started, watched, ended.

    Args:
        folder: of the search, where the workers' logs are kept.
        command: that a worker is started with.
        lock: a file descriptor that they inherit.
        oracle: that has to know of those that died.
    """

    def __init__(
        self,
        folder: SearchFolder,
        command: Sequence[str],
        lock: int,
        oracle: tuner.keras_tuner.Oracle,
    ):
        self._folder = folder
        self._command = list(command)
        self._lock = lock
        self._oracle = oracle
        self._port = 0
        self._early_deaths = 0
        self._workers: list[_Worker] = []

    @contextlib.contextmanager
    def at_work(self, number: int, port: int) -> Iterator[None]:
        """Starts workers; they have ended when it is left.

        Args:
            number: of workers.
            port: where the chief listens.
        """
        self._port = port
        try:
            places = zip(
                share_processors(number), share_gpus(number), strict=True
            )
            for index, place in enumerate(places):
                self._workers.append(self._start(f"worker{index}", *place))
            yield
        finally:
            self._end()

    def look_after(self) -> bool:
        """Replaces workers that signals ended; returns whether any are at work.

        Raises:
            InputError: if a worker ended with an error of its own, or they
                die one after the other while no trial is begun.
        """
        for worker in list(self._workers):
            code = worker.process.poll()
            if code is None:
                continue
            self._workers.remove(worker)
            worker.process.stdin.close()
            if code == 0:  # there were no more trials for it
                self._oracle.release(worker.name)
                continue
            if 0 < code <= _SIGNALLED:
                raise InputError(
                    f"{worker.name} ended with an error: "
                    f"{_last_line(worker.log)} (all of it in {worker.log})."
                )
            self._replace(worker, code)
        return bool(self._workers)

    def _replace(self, worker: _Worker, code: int) -> None:
        """Starts another in place of one that a signal ended.

        Args:
            worker: that ended.
            code: its exit code, above `_SIGNALLED` where it saved its trial
                and ended by itself: such a trial is not to blame.
        """
        trial = self._oracle.release(worker.name)
        saved = code > 0
        how = signal.Signals(code - _SIGNALLED if saved else -code).name
        begun = len(self._oracle.trials) > worker.trials_before
        self._early_deaths = 0 if begun or trial else self._early_deaths + 1
        if trial is None:
            what = "it had no trial"
        else:
            first = oracles.first_of(self._oracle, trial)
            if not saved and -code not in _ASKED:
                self._folder.note_death(first)
            what = f"trial {first} goes on from its checkpoint"
        if self._early_deaths >= _MOST_EARLY_DEATHS:
            raise InputError(
                f"{worker.name} died by {how} without a trial, as "
                f"{self._early_deaths - 1} did before; see {worker.log}."
            )
        verb = "ended" if saved else "died"
        logging.warning("%s %s by %s; %s.", worker.name, verb, how, what)
        self._workers.append(
            self._start(worker.name, worker.processors, worker.gpus)
        )

    def _start(self, name: str, processors: set[int], gpus: str) -> _Worker:
        log = self._folder.file("workers", f"{name}.log")
        environment = os.environ | {
            worker_lib.ADDRESS: "127.0.0.1",
            worker_lib.PORT: str(self._port),
            worker_lib.NAME: name,
            "PYTHONPATH": import_path(),
        }
        if gpus:
            environment |= {
                "CUDA_VISIBLE_DEVICES": gpus,
                # where there are more workers than GPUs
                "TF_FORCE_GPU_ALLOW_GROWTH": "true",
            }
        with open(log, "ab") as stream, _bound_to(processors):
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=stream,
                stderr=stream,
                env=environment,
                pass_fds=(self._lock,),
                # Ctrl-C in a terminal is for the chief, which ends them.
                start_new_session=True,
            )
        logging.info(
            "Started %s, process %d, on processors %s; it writes to %s.",
            name,
            process.pid,
            ", ".join(map(str, sorted(processors))),
            log,
        )
        begun = len(self._oracle.trials)
        return _Worker(name, processors, gpus, log, process, begun)

    def _end(self) -> None:
        for worker in self._workers:
            worker.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + _SECONDS_TO_END
        for worker in self._workers:
            try:
                worker.process.wait(max(end - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                logging.warning("%s did not end: killed.", worker.name)
                worker.process.kill()
                worker.process.wait()
            worker.process.stdin.close()
        self._workers = []


def search(
    folder: SearchFolder,
    settings: SearchSettings,
    crew: tuple[int, Sequence[str]],
    lock: int,
    ended: Callable[[int], None],
) -> None:
    """Does a search, or what is left of it, with several workers.

    Args:
        folder: begun already.
        settings: of the search.
        crew: how many workers, and the command that starts one.
        lock: a file descriptor that the workers inherit.
        ended: see `tuner.TrainingTuner`.

    Raises:
        InputError: if a worker ended with an error.
    """
    number, command = crew
    chief = tuner.TrainingTuner(folder, settings, train=_no_training)
    chief.save()
    expected = oracles.expected_trials(chief.oracle)
    with (
        _service(chief.oracle) as port,
        (workers := Crew(folder, command, lock, chief.oracle)).at_work(
            number, port
        ),
    ):
        while workers.look_after():
            ended(expected)
            time.sleep(_LOOK_SECONDS)
    ended(expected)


def share_processors(number: int) -> list[set[int]]:
    """Returns for each of some workers the processors that are its own.

    Where there are more workers than processors some have the same.
    """
    there = sorted(os.sched_getaffinity(0))
    return [
        set(there[i::number]) or {there[i % len(there)]} for i in range(number)
    ]


def share_gpus(number: int) -> list[str]:
    """Returns for each of some workers its CUDA_VISIBLE_DEVICES.

    Where there are more workers than GPUs some have the same one; empty where
    there is none.
    """
    count = len(tf.config.list_physical_devices("GPU"))
    if not count:
        return [""] * number
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    there = named.split(",") if named else [str(i) for i in range(count)]
    return [
        ",".join(there[i::number]) or there[i % len(there)]
        for i in range(number)
    ]


@contextlib.contextmanager
def _service(oracle) -> Iterator[int]:
    """Lets workers of this machine ask an oracle; gives the port."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    protos.get_service_grpc().add_OracleServicer_to_server(
        oracle_chief.OracleServicer(oracle), server
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=1).wait()


@contextlib.contextmanager
def _bound_to(processors: set[int]) -> Iterator[None]:
    """What is started meanwhile runs on some processors only."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors)
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


def _no_training(*arguments: object, **options: object) -> None:
    raise AssertionError("a chief does not train")


def _last_line(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as stream:
        lines = [line.strip() for line in stream if line.strip()]
    return lines[-1] if lines else "it said nothing"
