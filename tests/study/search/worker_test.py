"""A worker does not outlive its chief."""

import pathlib
import signal
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
CODE = """
import signal, sys, time
from shared_transformer_tf.study.search import worker
worker._SECONDS_TO_SAVE = 0.3
{before}
worker.end_with_the_chief()
print("ready", flush=True)
{after}
"""


def start(before="", after="time.sleep(60)"):
    return subprocess.Popen(
        [sys.executable, "-c", CODE.format(before=before, after=after)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


@pytest.mark.parametrize(
    ("before", "code"),
    [
        ("", -signal.SIGTERM),
        # a training notes it, saves and ends; if not, it is ended
        ("signal.signal(15, lambda *_: sys.exit(7))", 7),
        ("signal.signal(15, signal.SIG_IGN)", 128 + signal.SIGTERM),
    ],
)
def test_a_worker_ends_when_its_chief_does(before, code):
    with start(before) as process:
        assert process.stdout.readline() == b"ready\n"
        process.stdin.close()
        assert process.wait(10) == code


def test_a_worker_whose_work_is_done_ends_well():
    with start(after="") as process:
        assert process.wait(10) == 0
