"""A cell that is really trained: killed, gone on with, trained once more."""

import functools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import pytest

from shared_transformer_tf import file_lock
from shared_transformer_tf.errors import DivergedError
from shared_transformer_tf.study.cell import cell_training
from shared_transformer_tf.study.cells import Cell
from shared_transformer_tf.study.report import result_set
from shared_transformer_tf.study.run.cell_process import Order, StudyFolder
from shared_transformer_tf.training import processors
from tests.study import numbers_study

ROOT = pathlib.Path(__file__).parents[3]
CELL = Cell("en-de", "vanilla", 1)


def train(home, work):
    folder = StudyFolder(str(work))
    folder.make()
    order = Order(
        str(home / "numbers_study.py"),
        folder,
        str(work / "results"),
        {},
    )
    request = order.request(CELL, "command")
    with file_lock.waited_for(f"{request['run']}.lock"):
        cell_training.train(request)


@pytest.fixture(scope="module", name="home")
def fixture_home(tmp_path_factory):
    home = tmp_path_factory.mktemp("study")
    process = subprocess.Popen(
        [sys.executable, "bin/study.py", "--arms=vanilla", "--workers=1"]
        + [f"--config={numbers_study.write(home)}", f"--workdir={home}"]
        + [f"--results={home / 'results'}", "--variations=none"],
        cwd=ROOT,
    )
    run = home / "runs" / CELL.name
    while not (run / "checkpoints" / "step_0000002").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    train(home, home)
    return home


@pytest.fixture(scope="module", name="result")
def fixture_result(home):
    return json.loads((home / "results" / f"{CELL.name}.json").read_text())


def test_a_killed_cell_goes_on(home):
    log = (home / "logs" / f"{CELL.name}.log").read_text()
    assert "Traceback" not in log
    with open(home / "runs" / CELL.name / "metrics.jsonl") as stream:
        records = [json.loads(line) for line in stream]
    steps = [one["step"] for one in records if one["kind"] == "train"]
    assert steps == list(range(1, len(steps) + 1))


def test_the_report_can_read_it(home, result):
    found = result_set.load(str(home / "results"))
    assert [result_set.name(cell) for cell in found.cells] == [CELL.name]
    assert result["processor_kind"] == processors.describe()
    assert result["tokens"] >= 600 > result["curve"][0]["tokens"]
    assert result["flops"] == result["tokens"] * result["flops_per_token"]
    attention = "encoder/block_0_self_attention"
    assert {g["weights"][attention]["uses"] for g in result["gradients"]} == {1}
    assert [g["update"] for g in result["gradients"]][0] == 2


def test_that_it_diverged_is_a_result(home, tmp_path, monkeypatch):
    def diverge(*arguments):
        raise DivergedError("Update 7 was not applied.")

    monkeypatch.setattr(cell_training.experiment, "train", diverge)
    train(home, tmp_path)
    path = tmp_path / "results" / f"{CELL.name}.json"
    result = json.loads(path.read_text())
    assert result["diverged"] == "Update 7 was not applied."
    assert "dev" not in result
    scored = home / "results" / f"{CELL.name}.json"
    other = json.loads(scored.read_text()) | {"seed": 2}
    path.with_name("en-de.vanilla.2.json").write_text(json.dumps(other))
    found = result_set.load(str(path.parent))
    assert [result_set.name(cell) for cell in found.diverged] == [CELL.name]
    assert len(found.cells) == 1


def test_all_processors_that_it_ran_on_are_told(tmp_path, monkeypatch):
    run = str(tmp_path / "run")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").touch()
    told, kinds = [], ["one", "one", "two", "two"]
    for kind in kinds:
        monkeypatch.setattr(
            cell_training.processors, "describe", functools.partial(str, kind)
        )
        told.append(cell_training._note_processor(run))
    assert told == [["one"], ["one"], ["one", "two"], ["one", "two"]]
    shutil.rmtree(run)  # to be trained anew
    assert cell_training._note_processor(run) == ["two"]


def test_nothing_of_this_machine_is_in_it(home, result):
    text = json.dumps(result)
    for place in (str(home), str(ROOT), os.path.expanduser("~") + "/"):
        assert place not in text


def test_trained_again_it_scores_the_same(home, result, tmp_path):
    train(home, tmp_path)
    again = json.loads((tmp_path / "results" / f"{CELL.name}.json").read_text())
    assert again["config"] == result["config"]
    assert again["updates"] == result["updates"]
    assert again["fingerprints"] == result["fingerprints"]
    assert again["dev"] == pytest.approx(result["dev"], abs=1e-3)
    assert again["test"]["bleu"] == pytest.approx(result["test"]["bleu"])
