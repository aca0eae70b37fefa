"""Kills a training again and again, and compares it with one left alone.

    python -m tests.training.killed_run --kills=20 --while_writing=5

Every kill (-9) comes after a new checkpoint; `while_writing` of them while the
next one is half written. Prints JSON: how many there were, how many left half
a checkpoint, and what of weights, state and metrics differs at the end.
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

from shared_transformer_tf.training import checkpoints

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = """
from tests.small_run import small


def get_config():
    config = small(
        max_steps={steps}, save_every=3, evaluate_every=9, log_every=2,
        keep_best=2, keep_last=2, deterministic=True, ema_decay=0.9,
        precision={precision!r}, gradient_rule="unit", accumulation_steps=2,
    )
    config.model.hidden_dim = 64  # large enough to be met half written
    config.model.intermediate_dim = 512
    return config
"""
CODE = (
    "import sys; from shared_transformer_tf.cli import train; "
    "sys.exit(train.main(sys.argv))"
)
# what depends on the clock
TIMES = {
    *("time", "seconds", "tokens_per_second", "evaluation_seconds"),
    *("timed_tokens", "timed_seconds"),
}


def start(config, workdir):
    return subprocess.Popen(
        [
            *(sys.executable, "-c", CODE),
            *(f"--config={config}", f"--workdir={workdir}"),
        ],
        cwd=ROOT,
        env=os.environ
        | {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "2"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    _, error = process.communicate(timeout=600)
    if process.returncode:
        raise RuntimeError(f"Training failed:\n{error[-3000:]}")


def names(folder):
    return set(os.listdir(folder)) if folder.is_dir() else set()


def kill_after_a_checkpoint(config, workdir, while_writing):
    """Returns whether half a checkpoint was left."""
    folder = workdir / "checkpoints"
    before = names(folder)
    process = start(config, workdir)

    def waiting():
        return not any(n.startswith("step_") for n in names(folder) - before)

    def between():
        return not any(n.startswith(".partial_") for n in names(folder))

    def wait(condition, seconds):
        while condition():
            if process.poll() is not None:
                finish(process)
                raise RuntimeError("It ended before it was killed.")
            time.sleep(seconds)

    wait(waiting, 0.005)
    while while_writing:
        wait(between, 0.0002)
        # it may have become whole since it was looked at
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        if not between():
            break
        process.send_signal(signal.SIGCONT)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return not between()


def ask_to_end(config, workdir, number):
    """Sends a signal; returns exit code, last line, number of the update."""
    process = start(config, workdir)
    while not (workdir / "checkpoints").is_dir():
        if process.poll() is not None:
            finish(process)
        time.sleep(0.01)
    process.send_signal(number)
    _, error = process.communicate(timeout=600)
    newest = max(names(workdir / "checkpoints"))
    return process.returncode, error.splitlines()[-1], int(newest[5:])


def arrays(checkpoint):
    """What training goes on from, by file and name."""
    return {
        f"{file}:{name}": value
        for file in (checkpoints.WEIGHTS, checkpoints.STATE)
        for name, value in np.load(os.path.join(checkpoint.path, file)).items()
    }


def records(workdir):
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    return [
        {name: v for name, v in json.loads(line).items() if name not in TIMES}
        for line in lines
    ]


def compare(workdir, other):
    """Returns the names of what is not the same to the last bit."""
    ours, theirs = (
        checkpoints.list_checkpoints(str(folder / "checkpoints"))
        for folder in (workdir, other)
    )
    differing = []
    if [one.name for one in ours] != [one.name for one in theirs]:
        differing.append("checkpoints")
    ends = [arrays(found[-1]) for found in (ours, theirs)]
    if ends[0].keys() != ends[1].keys():
        differing.append("names of arrays")
    differing += [
        name
        for name, value in ends[0].items()
        if value.tobytes() != ends[1][name].tobytes()
    ]
    if records(workdir) != records(other):
        differing.append("metrics.jsonl")
    timeless = [
        {k: v for k, v in found[-1].progress.items() if k not in TIMES}
        for found in (ours, theirs)
    ]
    if timeless[0] != timeless[1]:
        differing.append("progress")
    return differing


def run(folder, kills, while_writing, precision="float32", ask_by=None):
    """Returns what was done and found; `ask_by`: a signal, before the kills."""
    config = folder / "config.py"
    # two checkpoints at most for each kill, and some after the last
    steps = 6 * (kills + 2 + bool(ask_by))
    config.write_text(CONFIG.format(steps=steps, precision=precision))
    finish(start(config, folder / "straight"))
    asked = ask_by and ask_to_end(config, folder / "killed", ask_by)
    halves = sum(
        kill_after_a_checkpoint(
            config, folder / "killed", number % kills < while_writing
        )
        for number in range(kills)
    )
    finish(start(config, folder / "killed"))
    steps = [(r["kind"], r["step"]) for r in records(folder / "killed")]
    return {
        "asked": asked,
        "kills": kills,
        "half_written": halves,
        "records": len(steps),
        "repeated_records": len(steps) - len(set(steps)),
        "differing": compare(folder / "killed", folder / "straight"),
        "left": sorted(
            n for n in names(folder / "killed/checkpoints") if n[0] == "."
        ),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--while_writing", type=int, default=8)
    parser.add_argument("--precision", default="float32")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = run(pathlib.Path(folder), **vars(options))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
