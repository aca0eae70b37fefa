"""Engines are timed in turns on the same sentences."""

import sys

import pytest

from shared_transformer_tf import errors
from shared_transformer_tf.benchmark import decoding, turns

FAKE = """
import json, sys
said = {"answers": sys.argv[2].split(), "first_step_seconds": 9.0}
print(json.dumps(said), flush=True)
for number, line in enumerate(sys.stdin):
    each = [float(sys.argv[1]) * (1 + number)] * int(line)
    print(json.dumps({"each": each}), flush=True)
"""


def fake(name, seconds, answers, units=1):
    command = (sys.executable, "-c", FAKE, str(seconds), answers)
    return turns.Contender(name, command, units)


def test_every_contender_translates_all_lines_in_its_turn():
    peer = fake("peer", 0.4, "a b c y", units=2)
    ours = fake("Translator", 0.1, "a b c d", units=2)
    together = fake("all at once", 0.1, "a b c d", units=4)
    found = decoding._timed([peer, ours, together], rounds=3, lines=4)
    assert found["peer"]["sentences_per_second"] == 2.5  # the second of 3
    assert found["Translator"]["sentences_per_second"] == 10
    assert found["all at once"]["sentences_per_second"] == 20
    assert found["Translator"]["speed_ratio"] == pytest.approx(4)
    assert found["all at once"]["speed_ratio"] == pytest.approx(8)
    assert found["peer"]["same_translations"] == 0.75
    assert found["Translator"]["milliseconds"]["p50"] == pytest.approx(200)
    assert found["Translator"]["milliseconds"]["p95"] == pytest.approx(300)
    assert "first_step_seconds" not in found["Translator"]


def test_too_few_lines_and_a_missing_peer_are_told_first(tmp_path):
    with pytest.raises(errors.InputError, match="2 lines with text"):
        decoding.compare(str(tmp_path), ["a", "", "b"], 1, "")
    with pytest.raises(errors.InputError, match="not installed"):
        decoding.compare(str(tmp_path), ["a"] * 960, 1, str(tmp_path))
