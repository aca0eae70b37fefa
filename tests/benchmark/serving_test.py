"""The load run counts what is right and what is not."""

import collections
import json
import re
import types

import pytest

from shared_transformer_tf import errors
from shared_transformer_tf.benchmark import offline_answers, serving
from shared_transformer_tf.cli import benchmark
from shared_transformer_tf.serving import servable, version_folder
from tests.serving import running as running_lib
from tests.serving import toy

LINES = [f"line {i}" for i in range(40)]
DEFAULT = offline_answers.Variant("serving_default")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    names = ("serving_default", "nbest", "options")
    toy.write(folder / "1", names=names)
    return str(folder)


@pytest.fixture(scope="module")
def answers(model):
    offline = servable.Servable(version_folder.find(model)[0])
    yield offline_answers.OfflineAnswers(offline, serving._texts(LINES))
    offline.close()


def test_texts_are_short_long_and_blank(answers):
    assert {b"", b" \t", b"line 0"} <= set(answers.texts)
    assert any(len(text) > 50 for text in answers.texts)
    with pytest.raises(errors.InputError, match="no line of text"):
        serving._texts(["", "  "])


@pytest.mark.parametrize(
    ("came", "verdict"),
    [
        ("LINE 1|1", "right"),
        ("LINE 2|1", "swapped"),
        ("LINE 1", "wrong"),
        ("", "swapped"),
    ],
)
def test_answers_are_judged(answers, came, verdict):
    row = {"translation": came}
    assert answers.judge(DEFAULT, b"line 1", row) == verdict


def test_scores_are_compared_and_ties_told_apart(answers):
    options = next(x for x in answers.variants if x.signature == "options")
    (row,) = [answers._rows[options, b"line 1"]]
    assert answers.judge(options, b"line 1", row) == "right"
    near = row | {"score": row["score"] + 5e-5}
    assert answers.judge(options, b"line 1", near) == "right"
    far = row | {"score": row["score"] + 1e-3}
    assert answers.judge(options, b"line 1", far) == "wrong"
    other = row | {"translation": "as good"}
    assert answers.judge(options, b"line 1", other) == "tie"
    other["score"] += 1e-3
    assert answers.judge(options, b"line 1", other) == "wrong"


def test_a_short_load_is_all_right(model, monkeypatch):
    monkeypatch.setattr(serving, "_TURNS", 1)
    monkeypatch.setattr(serving, "_TURN_SECONDS", 0.3)
    results = serving.load(model, LINES, minutes=0.03, clients=4)
    serving.check(results)
    rows = results["mixed"]["rows"]
    assert rows.pop("right") > 10
    assert rows == {"tie": 0, "wrong": 0, "swapped": 0, "lost": 0}
    assert results["mixed"]["resident_megabytes"]["end"] > 100
    assert results["throughput"]["ratio"] > 0
    assert results["exit_code"] == 0
    assert results["throughput"]["rows"]["right"] > 10


class Swapping(offline_answers.OfflineAnswers):
    """Takes each answer to the first text for one to another."""

    def judge(self, variant, text, came):
        verdict = super().judge(variant, text, came)
        return "swapped" if text == self.texts[0] else verdict


def test_swapped_rows_are_counted_beside_the_throughput(model, monkeypatch):
    monkeypatch.setattr(serving, "_TURNS", 1)
    monkeypatch.setattr(serving, "_TURN_SECONDS", 0.3)
    offline = servable.Servable(version_folder.find(model)[0])
    answers = Swapping(offline, serving._texts(LINES))
    with running_lib.threaded(model) as running:
        server = types.SimpleNamespace(
            rest=f"127.0.0.1:{running.rest_port}",
            port=f"127.0.0.1:{running.port}",
        )
        results = serving._compare(server, offline, answers, clients=2)
    offline.close()
    assert results["rows"]["swapped"] and results["examples"]
    assert results["rows"]["right"] and results["ratio"] > 0


def test_rows_without_an_answer_are_not_served():
    rows = collections.Counter(right=5, tie=1, wrong=1, swapped=1, lost=900)
    assert serving._answered(rows) == 8


def results_with(part, rows, exit_code):
    fine = dict.fromkeys(("tie", "wrong", "swapped", "lost"), 0) | {"right": 5}
    results = {"mixed": {"rows": fine}, "throughput": {"rows": fine}}
    return results | {part: {"rows": fine | rows}, "exit_code": exit_code}


def test_a_failed_load_ends_with_1_after_its_results_are_written(
    model, monkeypatch, tmp_path, capsys
):
    source, output = tmp_path / "lines", tmp_path / "out.json"
    source.write_text("a line")
    flags = [f"--model={model}", f"--source={source}", f"--output={output}"]
    for rows, code in (({}, 0), ({"swapped": 4}, 1)):
        results = results_with("throughput", rows, 0)
        monkeypatch.setattr(serving, "load", lambda *_, found=results: found)
        assert benchmark.main(["benchmark", "serve", *flags]) == code
        captured = capsys.readouterr()
        assert json.loads(captured.out) == results
        assert json.loads(output.read_text()) == results
    assert "4 rows swapped (throughput)" in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("part", "rows", "code", "message"),
    [
        ("mixed", {"lost": 3}, 0, "3 rows lost (mixed)"),
        ("mixed", {"wrong": 2}, 0, "2 rows wrong (mixed)"),
        ("throughput", {"right": 0}, 0, "no row right (throughput)"),
        ("mixed", {"tie": 9}, -9, "exit code -9"),
    ],
)
def test_what_fails_a_load(part, rows, code, message):
    with pytest.raises(errors.InputError, match=re.escape(message)):
        serving.check(results_with(part, rows, code))


def test_a_server_that_does_not_start_is_told(tmp_path):
    toy.write(tmp_path / "1", names=("serving_default",))
    with pytest.raises(errors.InputError, match="does not start"):
        serving._Server(f"{tmp_path}/1", tmp_path)
