"""Loads a server with clients: right answers, memory, throughput.

The server is a process of its own. Its throughput is compared with the same
SavedModel called directly in batches of 16, in turns, so that what else the
machine does meets both.
"""

import asyncio
import collections
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

import numpy as np

from shared_transformer_tf.benchmark import load_client, offline_answers
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.serving import servable, version_folder

_COMMAND = "import sys; from shared_transformer_tf.cli import serve; "
_COMMAND += "sys.exit(serve.main())"
_LINES = 150
_LONG = 8  # lines joined
_BAD = ("wrong", "swapped", "lost")
_TURNS = 5
_TURN_SECONDS = 8.0
_STOP_SECONDS = 60
_MEMORY_MINUTE = 2.0  # when the memory is looked at first


def load(
    model: str, lines: Sequence[str], minutes: float, clients: int
) -> dict:
    """Runs the load.

    Args:
        model: folder of versions of an exported model.
        lines: texts to translate.
        minutes: of mixed load.
        clients: at the same time.

    Returns:
        What was measured, ready for JSON.

    Raises:
        InputError: if the model cannot be served, or there are no texts.
    """
    version_folder.check(model)
    offline = servable.Servable(version_folder.find(model)[0])
    texts = _texts(lines)
    answers = offline_answers.OfflineAnswers(offline, texts)
    with tempfile.TemporaryDirectory() as folder:
        server = _Server(model, pathlib.Path(folder))
        try:
            ratio = _compare(server, offline, answers, clients)
            mixed = asyncio.run(_mix(server, answers, minutes, clients))
        finally:
            exit_code = server.stop()
    return {
        "processors": len(os.sched_getaffinity(0)),
        "clients": clients,
        "minutes": minutes,
        "texts": len(texts),
        "variants": [
            f"{x.signature} {dict(x.values)}" for x in answers.variants
        ],
        "mixed": mixed,
        "throughput": ratio,
        "exit_code": exit_code,
    }


def check(results: dict) -> None:
    """Checks that every row had its answer and the server ended well.

    Memory and throughput are figures, not judged here.

    Args:
        results: what `load` returned.

    Raises:
        InputError: saying what went wrong, and how often.
    """
    found = []
    for part in ("mixed", "throughput"):
        rows = results[part]["rows"]
        found += [f"{rows[k]} rows {k} ({part})" for k in _BAD if rows[k]]
        if not rows["right"]:
            found.append(f"no row right ({part})")
    if results["exit_code"]:
        found.append(f"exit code {results['exit_code']} of the server")
    if found:
        raise InputError(
            f"The server did not stand the load: {', '.join(found)}. See "
            "`examples` in the results."
        )


def _texts(lines: Sequence[str]) -> list[bytes]:
    """Returns some lines, blank ones and long ones."""
    lines = [line for line in lines if line.strip()]
    if not lines:
        raise InputError("--source holds no line of text: give another file.")
    step = max(1, len(lines) // _LINES)
    chosen = lines[::step][:_LINES]
    long = [
        " ".join(lines[start : start + _LONG])
        for start in range(0, min(len(lines), 3 * _LONG), _LONG)
    ]
    found = [*chosen, *long, "", " \t"]
    return list(dict.fromkeys(line.encode() for line in found))


class _Server:
    """A server process with its memory."""

    def __init__(self, model: str, folder: pathlib.Path):
        self._log = folder / "log"
        with self._log.open("wb") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _COMMAND, f"--model={model}"]
                + ["--rest_port=0", "--port=0"],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        ready = self._process.stdout.readline()
        addresses = re.findall(r"127\.0\.0\.1:\d+", ready)
        if len(addresses) != 2:
            self.stop()
            tail = self._log.read_text()[-300:]
            raise InputError(f"The server does not start: {tail}")
        self.rest, self.port = addresses

    def resident_megabytes(self) -> float:
        """Returns what the process holds in memory."""
        path = f"/proc/{self._process.pid}/statm"
        pages = int(pathlib.Path(path).read_text().split()[1])
        return round(pages * os.sysconf("SC_PAGESIZE") / 2**20, 1)

    def stop(self) -> int:
        """Returns the exit code; -9 if it had to be killed."""
        self._process.terminate()
        try:
            code = self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._process.stdout.close()
        return code


def _compare(server, offline, answers, clients: int) -> dict:
    """Takes turns: served one text a request, and in batches offline."""
    rounds = []
    tally = load_client.Tally()
    asyncio.run(_run(server, answers, clients, 2.0, tally, True))  # warm
    rows, examples = _counted(tally), tally.examples
    for turn in range(_TURNS):
        tally = load_client.Tally()
        started = time.monotonic()
        asyncio.run(
            _run(server, answers, clients, _TURN_SECONDS, tally, True, turn)
        )
        served = _answered(tally.rows) / (time.monotonic() - started)
        rows.update(tally.rows)
        examples += tally.examples
        rounds.append((served, _offline_rate(offline, answers, turn)))
    return {
        "rows": dict(rows),
        "examples": examples,
        "batch_offline": offline_answers.BATCH,
        "served_per_second": round(statistics.median(x for x, _ in rounds), 1),
        "offline_per_second": round(statistics.median(y for _, y in rounds), 1),
        "ratio": round(statistics.median(x / y for x, y in rounds), 3),
        "ratios": [round(x / y, 3) for x, y in rounds],
    }


def _offline_rate(offline, answers, seed: int) -> float:
    draw = np.random.default_rng(seed)
    started = time.monotonic()
    count = 0
    while time.monotonic() - started < _TURN_SECONDS:
        chosen = draw.integers(len(answers.texts), size=offline_answers.BATCH)
        batch = [answers.texts[i] for i in chosen]
        offline_answers.run(offline, answers.variants[0], batch)
        count += len(batch)
    return count / (time.monotonic() - started)


async def _run(server, answers, clients, seconds, tally, plain, seed=0) -> None:
    await asyncio.gather(
        *(
            load_client.LoadClient(
                # Of the mixed load a quarter speaks HTTP.
                server.rest if not plain and number % 4 == 0 else "",
                server.port,
                answers,
                1000 * seed + number,
                tally,
            ).run(seconds, plain)
            for number in range(clients)
        )
    )


async def _mix(server, answers, minutes: float, clients: int) -> dict:
    tally = load_client.Tally()
    first = min(_MEMORY_MINUTE, minutes / 5)
    memory = {}

    async def watch() -> None:
        await asyncio.sleep(60 * first)
        memory["first"] = server.resident_megabytes()

    started = time.monotonic()
    seconds = 60 * minutes
    await asyncio.gather(
        watch(), _run(server, answers, clients, seconds, tally, False, 99)
    )
    seconds = time.monotonic() - started
    memory["end"] = server.resident_megabytes()
    times = [x for took in tally.milliseconds.values() for x in took]
    rows = _counted(tally)
    return {
        "requests": len(times),
        "rows": dict(rows),
        "examples": tally.examples,
        "rows_per_second": round(_answered(rows) / seconds, 1),
        "milliseconds": {
            "all": _percentiles(times),
            **{
                name: _percentiles(took)
                for name, took in sorted(tally.milliseconds.items())
            },
        },
        "resident_megabytes": {
            f"minute_{first:g}": memory["first"],
            "end": memory["end"],
            # A server that has died holds nothing.
            "ratio": round(memory["end"] / max(memory["first"], 0.1), 3),
        },
    }


def _counted(tally: load_client.Tally) -> collections.Counter:
    rows = collections.Counter(dict.fromkeys(("right", "tie", *_BAD), 0))
    rows.update(tally.rows)
    return rows


def _answered(rows: collections.Counter) -> int:
    return sum(number for name, number in rows.items() if name != "lost")


def _percentiles(times: Sequence[float]) -> dict:
    p50, p95 = np.percentile(times, [50, 95]) if times else (0.0, 0.0)
    return {"p50": round(float(p50), 1), "p95": round(float(p95), 1)}
