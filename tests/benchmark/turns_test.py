"""A contender that ends by itself is told of, and the others are ended."""

import os
import subprocess
import sys

import pytest

from shared_transformer_tf import errors
from shared_transformer_tf.benchmark import turns

WORKS = """
import json, os, sys
print(json.dumps({"pid": os.getpid()}), flush=True)
for steps in sys.stdin:
    print(json.dumps({"steps": int(steps)}), flush=True)
"""
# Ends between two turns, when nothing is asked of it.
ENDS = """
import json, os, sys
print(json.dumps({"pid": os.getpid()}), flush=True)
sys.stdin.readline()
os.close(0)
print(json.dumps({}), flush=True)
sys.exit(7)
"""


@pytest.fixture
def started(monkeypatch):
    """Notes the processes that are started."""
    made = []

    class Noted(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            made.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    return made


def contender(code):
    return turns.Contender("one", (sys.executable, "-c", code), 1)


def test_one_that_the_system_ended_is_told_of(started):
    killed = contender("import os; os.kill(os.getpid(), 9)")
    with pytest.raises(errors.InputError, match="SIGKILL, as the system ends"):
        turns.take([killed, contender(WORKS)], 1, [1, 1])
    assert len(started) == 1  # they warm up one after the other


def test_all_take_turns(started):
    facts, found = turns.take([contender(WORKS)] * 2, 3, [4, 5])
    assert [fact["pid"] for fact in facts] == [one.pid for one in started]
    assert found == [[{"steps": 4}, {"steps": 5}]] * 3


def test_one_that_ended_is_told_of_and_all_are_ended(started):
    both = [contender(ENDS), contender(WORKS)]
    with pytest.raises(errors.InputError, match="ended with exit code 7"):
        turns.take(both, 3, [4, 5])
    assert [one.returncode for one in started] == [7, -9]
    for one in started:
        assert one.stdin.closed and one.stdout.closed
        with pytest.raises(ProcessLookupError):
            os.kill(one.pid, 0)
