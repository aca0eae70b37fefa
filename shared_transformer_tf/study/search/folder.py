"""The folder of a search: what is in it, and who may work there.

settings.json   lock   tokenizer/   tokenizer.lock   oracle/   trials/
outcomes/   workers/   search.json   results.csv   results.json
best_config.py   hparams/
"""

import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Iterator
from typing import Any

from absl import logging

from shared_transformer_tf import file_lock
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.run_directory import check_can_be_made
from shared_transformer_tf.study import whole_file
from shared_transformer_tf.study.search.settings import SearchSettings

_WAIT_SECONDS = 90
_REMEDY = "restore it, or begin the search anew in another --workdir"
# What a stop before the beginning may leave; it is made anew.
_BEFORE_BEGIN = {"lock", "tokenizer", "tokenizer.lock", "hparams"}
COMPLETED, STOPPED, FAILED = "completed", "stopped early", "failed"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    Attributes:
        trial: its name.
        settings: value of each searched field.
        status: `completed`, `stopped early` or `failed`.
        score: of the objective at the last evaluation; `None` if failed.
        scores: `bleu`, `chrf` and `loss` there.
        reason: why it ended before the budget, else empty.
        tokens: target tokens trained.
        updates: done.
        seconds: of training and evaluation.
    """

    trial: str
    settings: dict[str, Any]
    status: str
    score: float | None = None
    reason: str = ""
    tokens: int = 0
    updates: int = 0
    seconds: float = 0.0
    scores: dict[str, float] = dataclasses.field(default_factory=dict)


class SearchFolder:
    """Names, checks and reads the files of a search.

    Args:
        path: the folder; need not exist yet.
    """

    def __init__(self, path: str):
        self.path = path
        self.settings_file = os.path.join(path, "settings.json")
        self.tokenizer = os.path.join(path, "tokenizer")
        self.trials = os.path.join(path, "trials")
        self.oracle_file = os.path.join(path, "oracle", "oracle.json")
        self._outcomes = os.path.join(path, "outcomes")
        self._deaths = os.path.join(path, "workers", "deaths.json")

    @property
    def begun(self) -> bool:
        """Whether a search began here."""
        return os.path.exists(self.settings_file)

    def file(self, *names: str) -> str:
        """Returns the path of a file, after making its folder."""
        path = os.path.join(self.path, *names)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def check(self, settings: SearchSettings) -> None:
        """Refuses a folder of another search or of something else.

        Raises:
            InputError: naming what differs; or if nothing may be written.
        """
        if self.begun:
            self._check_same(settings)
            check_can_be_made(self.path, "--workdir")
            return
        if os.path.exists(self.path) and not os.path.isdir(self.path):
            raise InputError(f"--workdir={self.path} is a file, not a folder.")
        if os.path.isdir(self.path):
            names = set(os.listdir(self.path)) - _BEFORE_BEGIN
            others = sorted(n for n in names if not n.endswith(".partial"))
            if others:
                raise InputError(
                    f"--workdir={self.path} holds no search but other files "
                    f"({', '.join(others[:3])}): name an empty or a new folder."
                )
        check_can_be_made(self.path, "--workdir")

    def _check_same(self, settings: SearchSettings) -> None:
        before = _flat(read_json(self.settings_file))
        now = _flat(json.loads(json.dumps(settings.to_dict())))
        differing = [
            f"{name} was {before.get(name)!r}, is {now.get(name)!r}"
            for name in sorted(before.keys() | now.keys())
            if before.get(name) != now.get(name)
        ]
        if differing:
            raise InputError(
                f"The search in {self.path} began with other settings: "
                f"{'; '.join(differing)}. Give the old values, or another "
                "--workdir. (Only --trials and --workers may change.)"
            )

    def begin(self, settings: SearchSettings) -> None:
        """Writes what the search was asked for."""
        write_json(self.file("settings.json"), settings.to_dict())

    @contextlib.contextmanager
    def lock(self) -> Iterator[int]:
        """Keeps others out while it is entered; gives a file descriptor.

        A process that inherits the descriptor keeps them out as well. Of a
        search that was killed the workers may need a while to end: they are
        waited for.

        Raises:
            InputError: if someone works in the folder for longer than that.
        """
        os.makedirs(self.path, exist_ok=True)
        lock = os.path.join(self.path, "lock")
        with open(lock, "w", encoding="utf-8") as stream:
            end = time.monotonic() + _WAIT_SECONDS
            waited = False
            while not file_lock.take(stream):
                if time.monotonic() > end:
                    raise InputError(
                        f"Another search works in {self.path}: wait for it or "
                        "end it, or name another --workdir."
                    )
                if not waited:
                    logging.info("Waiting for who works in %s.", self.path)
                waited = True
                time.sleep(0.2)
            yield stream.fileno()

    def write_outcome(self, outcome: Outcome) -> None:
        """Keeps how a trial ended."""
        path = self.file("outcomes", f"{outcome.trial}.json")
        write_json(path, dataclasses.asdict(outcome))

    def outcome(self, trial: str) -> Outcome | None:
        """Returns how a trial ended, if it did."""
        path = os.path.join(self._outcomes, f"{trial}.json")
        if not os.path.exists(path):
            return None
        try:
            return Outcome(**read_json(path))
        except TypeError as error:
            raise InputError(
                f"{path} is damaged ({error}): {_REMEDY}."
            ) from error

    def outcomes(self) -> list[Outcome]:
        """Returns how the trials ended that did, by their names."""
        if not os.path.isdir(self._outcomes):
            return []
        names = sorted(
            name.removesuffix(".json")
            for name in os.listdir(self._outcomes)
            if name.endswith(".json")
        )
        return [outcome for name in names if (outcome := self.outcome(name))]

    def trial(self, name: str) -> str:
        """Returns the run directory of a trial."""
        return os.path.join(self.trials, name)

    def deaths(self) -> dict[str, int]:
        """Returns how many workers died in a trial, by its name."""
        return read_json(self._deaths) if os.path.exists(self._deaths) else {}

    def note_death(self, trial: str) -> int:
        """Counts a worker that died in a trial; returns how many did."""
        deaths = self.deaths()
        deaths[trial] = deaths.get(trial, 0) + 1
        write_json(self.file("workers", "deaths.json"), deaths)
        return deaths[trial]


def write_json(path: str, value: Any) -> None:
    """Writes a file that is never half, and its folder."""
    whole_file.write(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: str) -> dict[str, Any]:
    """Returns the object that a file holds.

    Raises:
        InputError: if it is damaged.
    """
    value = whole_file.read_json(path, _REMEDY)
    if not isinstance(value, dict):
        raise InputError(f"{path} is damaged ({value!r:.40}): {_REMEDY}.")
    return value


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        # fields of the space have dots of their own
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
