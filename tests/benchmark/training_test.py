"""Contenders are timed in turns, and ratios taken round by round."""

import json
import resource
import subprocess
import sys

import pytest

from shared_transformer_tf.benchmark import contender, training, turns
from shared_transformer_tf.errors import InputError

FAKE = """
import json, sys
print(json.dumps({"version": "fake"}), flush=True)
for number, line in enumerate(sys.stdin):
    seconds = int(line) * float(sys.argv[1]) * (1 + number)
    print(json.dumps({"seconds": seconds, "peak_gib": 0.5}), flush=True)
"""


def fake(name, seconds, tokens=100):
    command = (sys.executable, "-c", FAKE, str(seconds))
    return turns.Contender(name, command, tokens)


def test_ratios_are_those_of_speeds_in_the_same_round():
    results = training.measure(
        [fake("slow", 0.2), fake("fast", 0.1)], rounds=3, steps=4
    )
    assert results["slow"]["tokens_per_second"] == 250  # the second of 3
    assert results["fast"]["tokens_per_second"] == 500
    assert results["fast"]["speed_ratio"] == pytest.approx(2)
    assert results["fast"]["speed_ratio_quartiles"] == pytest.approx([2, 2])
    assert results["fast"]["version"] == "fake"


def test_tokens_count_in_the_speed():
    results = training.measure(
        [fake("one", 0.1), fake("other", 0.1, tokens=300)], rounds=1, steps=1
    )
    assert results["other"]["speed_ratio"] == pytest.approx(3)


def test_a_contender_that_dies_is_named():
    dead = turns.Contender("dead", (sys.executable, "-c", "exit(3)"), 1)
    with pytest.raises(InputError, match="'dead' ended with exit code 3"):
        training.measure([fake("alive", 0.1), dead], rounds=1, steps=1)


def test_a_contender_does_as_many_steps_as_it_is_told():
    code = (
        f"import sys; sys.path.insert(0, {contender.__file__[:-12]!r}); "
        "import contender; done = []; "
        "contender.serve(lambda: done.append(1), version='x'); "
        "print(len(done))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        input="2\n3\n",
        capture_output=True,
        text=True,
        check=True,
    )
    first, *turns, steps = ended.stdout.splitlines()
    assert json.loads(first)["version"] == "x"
    assert len(turns) == 2 and all("seconds" in turn for turn in turns)
    # its own, not that of the process that started it
    own = json.loads(turns[-1])["peak_gib"]
    assert (
        0.001 < own < resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**21
    )
    assert int(steps) == 1 + 3 + 2 + 3  # the first, the warm-up, the turns


def test_our_step_is_a_contender():
    model = training.TINY | {"vocabulary_size": 20, "num_layers": 1}
    one = training.ours("ours", model, (2, 3), diagnose=True)
    results = training.measure([one], rounds=1, steps=1)["ours"]
    assert one.units == 6
    assert results["trace_seconds"] > 0
    assert results["peak_gib"] > results["resident_gib"] > 0


def test_every_rule_and_depth_is_among_the_contenders():
    names = [one.name for one in training.rule_contenders()]
    assert names[:3] == ["none", "uses", "sqrt_uses"]
    assert [one.name for one in training.depth_contenders(True)] == [
        "6 layers",
        "24 over 6",
        "24 over 6, recomputed",
    ]


def test_memory_is_kept_in_every_second_contender(monkeypatch):
    monkeypatch.setenv("TF_CPU_ALLOCATOR_USE_BFC", "true")
    tell = "import os; print(os.environ.get('TF_CPU_ALLOCATOR_USE_BFC'))"
    told = [
        subprocess.run(
            [*one.command[:-3], "-c", tell],  # for `-m MODULE JSON`
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for one in training.memory_contenders()
    ]
    assert told == ["None", "true"] * 2


def test_shares_are_rates_over_the_product_of_the_same_precision():
    contenders = [
        fake("ours", 1.0),
        turns.Contender("half", (), 1, precision="bfloat16"),
    ]
    measured = {
        "ours": {"flops": 6e9, "step_seconds": 2.0},
        "half": {"step_seconds": 1.0},
    }
    training.add_shares(
        measured, contenders, {"float32": 30.0, "bfloat16": 60.0}
    )
    assert measured["ours"]["share_of_matrix_product"] == pytest.approx(0.1)
    assert measured["half"]["share_of_matrix_product"] == pytest.approx(0.1)
