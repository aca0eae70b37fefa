"""Contenders at work side by side, timed in turns.

Every contender is a process of its own, made warm first; then all of a group
do a few steps in turns, round after round, so that what else the machine does
meets all of them.
"""

import contextlib
import dataclasses
import json
import pathlib
import signal
import statistics
import subprocess
from collections.abc import Sequence
from typing import Any

from shared_transformer_tf.errors import InputError


@dataclasses.dataclass(frozen=True)
class Contender:
    """A process that does steps when told; see `benchmark.contender`.

    Attributes:
        name: for the table.
        command: program and arguments.
        units: of work in a step: target tokens, or sentences.
        precision: of the matrix product that its speed is held against.
    """

    name: str
    command: tuple[str, ...]
    units: int
    precision: str = "float32"


def peer(
    name: str, folder: str, environment: str, script: str, settings: dict
) -> tuple[str, ...]:
    """Returns the command of a peer's script.

    Args:
        name: for the message.
        folder: of the peers' environments and scripts.
        environment: that `peers/install` made.
        script: without its ending.
        settings: of the script.

    Raises:
        InputError: if the peer is not installed.
    """
    python = pathlib.Path(folder, f".{environment}", "bin", "python")
    if not python.exists():
        raise InputError(
            f"{name} is not installed: there is no {python}. Run "
            f"{folder}/install, or give --peers= to go without."
        )
    path = pathlib.Path(folder, f"{script}.py")
    return str(python), str(path), json.dumps(settings)


def take(
    contenders: Sequence[Contender], rounds: int, steps: Sequence[int]
) -> tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]:
    """Starts contenders, times them in turns, and ends them.

    Args:
        contenders: that take turns, in this order.
        rounds: how often each has its turn.
        steps: of each, in each of its turns.

    Returns:
        What each says of itself, and for each round the answer of each.

    Raises:
        InputError: if one ends by itself.
    """
    with contextlib.ExitStack() as stack:
        running, facts = [], []
        for one in contenders:  # each warms up alone
            running.append(stack.enter_context(_Running(one)))
            facts.append(running[-1].read())
        turns = [
            [one.turn(n) for one, n in zip(running, steps, strict=True)]
            for _ in range(rounds)
        ]
    return facts, turns


def ratio(speeds: Sequence[float], firsts: Sequence[float]) -> dict[str, Any]:
    """Returns the speed over the first contender's, taken round by round.

    Args:
        speeds: of a contender, by round.
        firsts: of the first contender, by round.

    Returns:
        `speed_ratio`, the median, and `speed_ratio_quartiles`.
    """
    ratios = sorted(x / y for x, y in zip(speeds, firsts, strict=True))
    quarter = len(ratios) // 4
    return {
        "speed_ratio": statistics.median(ratios),
        "speed_ratio_quartiles": [ratios[quarter], ratios[-1 - quarter]],
    }


class _Running:
    """A contender at work."""

    def __init__(self, contender: Contender):
        self._name = contender.name
        self._process = subprocess.Popen(
            contender.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "_Running":
        return self

    def __exit__(self, *_) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        with contextlib.suppress(BrokenPipeError):  # of what it did not read
            self._process.stdin.close()

    def read(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            how = f"with exit code {code}; what it printed is above"
            if code < 0:
                how = f"by {signal.Signals(-code).name}"
            if code == -signal.SIGKILL:
                how += ", as the system ends what there is no memory for"
            raise InputError(f"The contender {self._name!r} ended {how}.")
        return json.loads(line)

    def turn(self, steps: int) -> dict[str, Any]:
        # One that has ended reads nothing; `read` tells of it.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{steps}\n")
            self._process.stdin.flush()
        return self.read()
