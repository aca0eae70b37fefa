"""A run's folder: what is in it, and what may change when it goes on.

config.json   tokenizer/   checkpoints/   metrics.jsonl   logs/   lock
"""

import contextlib
import json
import os
from collections.abc import Iterator

from shared_transformer_tf import file_lock, validation
from shared_transformer_tf.config import Config
from shared_transformer_tf.errors import InputError

# A run that ended is evaluated at its end, too: extended, its patience and its
# average know of one evaluation more than those of a run without that end.
MAY_CHANGE = (
    "training.max_steps",
    "training.max_tokens",
    "training.log_every",
    "training.diagnose_every",
    # of a run that goes on there was no such gradient yet
    "training.on_bad_gradient",
)
_LOCK = "lock"


class RunDirectory:
    """Names and checks the files of a run.

    Args:
        path: the folder; need not exist yet.
    """

    def __init__(self, path: str):
        self.path = path
        self.config_file = os.path.join(path, "config.json")
        self.tokenizer = os.path.join(path, "tokenizer")
        self.checkpoints = os.path.join(path, "checkpoints")
        self.metrics_file = os.path.join(path, "metrics.jsonl")
        self.logs = os.path.join(path, "logs")

    @property
    def exists(self) -> bool:
        """Whether a training began here."""
        return os.path.exists(self.config_file)

    def read_config(self) -> Config:
        """Returns the config of the run.

        Raises:
            InputError: if there is no run here, or its config is damaged.
        """
        self._check_no_file()
        if not self.exists:
            raise InputError(
                f"No run in {self.path!r}: there is no config.json. Train one "
                f"with --workdir={self.path}, or name the folder of a run."
            )
        try:
            with open(self.config_file, encoding="utf-8") as stream:
                config = Config.from_json(stream.read())
            config.validate()
        except ValueError as error:
            raise InputError(
                f"{self.config_file} is damaged or of another version: {error}"
            ) from error
        return config

    def check(self, config: Config) -> None:
        """Checks that a training with a config may begin or go on here.

        Raises:
            InputError: if a run with other settings or something else is
                here.
        """
        self.check_config(config) if self.exists else self.check_new()

    def check_config(self, config: Config) -> None:
        """Refuses to go on with another config than the run began with.

        Raises:
            InputError: listing every field that differs and may not.
        """
        before = _flat(self.read_config())
        now = _flat(config)
        allowed = set(MAY_CHANGE)
        if config.training.schedule in validation.ENDING_SCHEDULES:
            allowed -= {"training.max_steps", "training.max_tokens"}
        differing = [
            f"{name} was {before[name]!r}, is {now[name]!r}"
            for name in now
            if before[name] != now[name] and name not in allowed
        ]
        if differing:
            raise InputError(
                f"The run in {self.path} began with other settings: "
                f"{'; '.join(differing)}. Give the old values, or another "
                f"--workdir. ({', '.join(sorted(allowed))} may change.)"
            )

    def write_config(self, config: Config) -> None:
        """Writes config.json, beside and renamed."""
        os.makedirs(self.path, exist_ok=True)
        beside = f"{self.config_file}.partial"
        with open(beside, "w", encoding="utf-8") as stream:
            stream.write(config.to_json())
        os.replace(beside, self.config_file)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Holds the folder, which is made, so that one training writes there.

        Raises:
            InputError: if another one does.
        """
        with file_lock.held(
            os.path.join(self.path, _LOCK),
            f"Another training writes in {self.path}: wait for its end, or "
            "name another --workdir.",
        ):
            yield

    def check_begun(self, begun: bool) -> None:
        """Checks that it is still as true, or not, that a run is here.

        Raises:
            InputError: if another training began, or the run has gone.
        """
        if self.exists != begun:
            what = "has gone" if begun else "was begun by another training"
            raise InputError(
                f"The run in {self.path} {what} while this training prepared: "
                "start it again."
            )

    def check_new(self) -> None:
        """Refuses to begin a run in a folder of something else.

        Raises:
            InputError: if the folder holds other files.
        """
        self._check_no_file()
        if not os.path.isdir(self.path):
            return
        # what a stop at the very beginning leaves
        begun = {"tokenizer", "config.json.partial", _LOCK}
        others = sorted(set(os.listdir(self.path)) - begun)
        if others:
            names = ", ".join(others[:3])
            raise InputError(
                f"--workdir={self.path} holds no run but other files "
                f"({names}): name an empty or a new folder."
            )

    def check_can_be_made(self) -> None:
        """Checks that this process may write here, or make the folder.

        Raises:
            InputError: if not.
        """
        check_can_be_made(self.path, "--workdir")

    def _check_no_file(self) -> None:
        if os.path.exists(self.path) and not os.path.isdir(self.path):
            raise InputError(f"--workdir={self.path} is a file, not a folder.")


def check_can_be_made(path: str, flag: str) -> None:
    """Checks that this process may write in a folder, or make it.

    Args:
        path: of the folder.
        flag: that named it.

    Raises:
        InputError: if not.
    """
    above = os.path.abspath(path)
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    if not os.path.isdir(above):
        raise InputError(f"{flag}={path} cannot be made: {above} is no folder.")
    # of a file system that nobody may write on, root is told as well
    if not os.access(above, os.W_OK | os.X_OK):
        raise InputError(
            f"{flag}={path} cannot be used: nothing may be written in {above}. "
            "Name another folder."
        )


def _flat(config: Config) -> dict[str, object]:
    return {
        f"{section}.{name}": value
        for section, fields in json.loads(config.to_json()).items()
        for name, value in fields.items()
    }
