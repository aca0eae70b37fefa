"""Cells in processes: side by side, failing, stopped, killed, gone on with."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from shared_transformer_tf import file_lock
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study import plan
from shared_transformer_tf.study.run import cell_process, runner
from shared_transformer_tf.study.selection import Selection
from tests.study import numbers_study
from tests.study.made_results import write_search

ROOT = pathlib.Path(__file__).parents[3]
PLAIN = ("en-de.vanilla.1", "en-de.shared.1")
CELLS = {
    *PLAIN,
    "en-de.vanilla.1.learning_rate_x0.5",
    "en-de.vanilla.1.learning_rate_x2",
}


def lines_of(capfd):
    """Returns what was told, without what gRPC says of processes."""
    lines = capfd.readouterr().err.splitlines()
    return [line for line in lines if "fork_posix" not in line]


class Home:
    """A folder with a study, in which cells take no time."""

    def __init__(self, path, monkeypatch):
        self.path = path
        self.file = numbers_study.write(path)
        self.study = plan.load(self.file)
        self.results = path / "results"
        monkeypatch.setattr(cell_process, "MODULE", "tests.study.fake_cell")
        (path / "orders").mkdir()

    def order(self, cell, what):
        (self.path / "orders" / cell).write_text(what)

    def runner(self, workers=1, **asked):
        order = cell_process.Order(
            self.file,
            cell_process.StudyFolder(str(self.path / "work")),
            str(self.results),
            {},
        )
        return runner.StudyRunner(
            Selection(self.study, **asked),
            order,
            str(self.path / "searches"),
            runner.choose_processors(workers),
        )

    def started(self):
        file = self.path / "started"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line.split() for line in lines]

    def done(self):
        return {path.stem for path in self.results.glob("*.json")}

    def start(self, *flags):
        return subprocess.Popen(
            [sys.executable, "-m", "tests.study.fake_study"]
            + [f"--config={self.file}", f"--workdir={self.path / 'work'}"]
            + [f"--results={self.results}", "--workers=1", *flags],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, name):
        for _ in range(600):
            if (self.path / name).exists():
                return
            time.sleep(0.05)
        raise AssertionError(f"{name} did not come")


@pytest.fixture(name="home")
def fixture_home(tmp_path, monkeypatch):
    return Home(tmp_path, monkeypatch)


def test_every_cell_is_trained_once_and_told_in_a_line(home, capfd):
    assert home.runner().run() == []
    assert home.done() == CELLS
    first, *told = lines_of(capfd)
    assert first.startswith("Cells to train: 4, 1 at a time. Their logs: ")
    assert len(told) == len(CELLS)
    assert told[0].startswith("[1 of 4, 0.0 hours left]  en-de.vanilla.1: dev")
    assert home.runner().run() == []
    assert len(home.started()) == len(CELLS)


def test_searches_elsewhere_are_part_of_a_command(home, monkeypatch):
    assert not home.runner()._searches_are_shipped
    monkeypatch.chdir(home.path)
    shipped = home.path / "results" / home.study.name
    shipped.parent.mkdir()
    shipped.symlink_to(home.path / "searches")
    assert home.runner()._searches_are_shipped


def test_the_time_left_counts_what_a_cell_took_before(home, capfd):
    home.order(PLAIN[0], "go on")
    assert home.runner().run() == []
    told = lines_of(capfd)[1:]
    # three more of two hours each, one of them with four layers for two
    assert told[0].startswith("[1 of 4, 6.8 hours left]  en-de.vanilla.1: dev")


def test_cells_side_by_side_have_a_processor_each(home):
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two processors")
    for name in PLAIN:
        home.order(name, "hang")
    process = home.start("--workers=2", "--variations=none")
    for name in PLAIN:
        home.wait_for(f"hanging.{name}")
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    processors = [found[1] for found in home.started()]
    assert len(set(processors)) == 2
    assert not any("," in found for found in processors)


def test_what_diverges_is_trained_once_and_the_sweep_is_complete(home, capfd):
    home.order("en-de.vanilla.1.learning_rate_x2", "diverge")
    assert home.runner().run() == []
    assert home.done() >= CELLS
    (line,) = [x for x in lines_of(capfd) if "diverged" in x]
    assert line.endswith("which is its result: Update 7 was not applied.")
    started = home.started()
    assert home.runner().run() == []
    assert home.started() == started


def test_the_time_of_what_diverged_tells_nothing_of_the_rest(home, capfd):
    home.order(PLAIN[0], "diverge")
    assert home.runner().run() == []
    first, second, *_ = lines_of(capfd)[1:]
    assert first.startswith(f"[1 of 4]  {PLAIN[0]} diverged, ")
    assert second.startswith("[2 of 4, ")


def test_a_failing_cell_is_told_and_the_rest_goes_on(home, capfd):
    home.order("en-de.vanilla.1", "fail")
    home.order("en-de.shared.1", "crash")
    assert home.runner().run() == ["en-de.vanilla.1", "en-de.shared.1"]
    _, failed, crashed, *_ = lines_of(capfd)
    log = home.path / "work" / "logs" / "en-de.vanilla.1.log"
    assert f"en-de.vanilla.1 failed: The text is odd. Log: {log}" in failed
    assert "en-de.shared.1 failed: ended by signal 9. Log:" in crashed
    assert home.done() == CELLS - set(PLAIN)
    for name in PLAIN:
        home.order(name, "")
    assert home.runner().run() == []
    assert home.done() == CELLS


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_cells_save(home, number):
    home.order("en-de.vanilla.1", "hang")
    process = home.start("--variations=none")
    home.wait_for("hanging.en-de.vanilla.1")
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert told.splitlines()[-1].startswith("Stopped, cells left: 2.")
    assert (home.path / "saved.en-de.vanilla.1").exists()
    assert home.done() == set()


def test_cells_end_with_a_study_that_is_killed(home):
    home.order("en-de.vanilla.1", "hang")
    process = home.start("--variations=none")
    home.wait_for("hanging.en-de.vanilla.1")
    process.kill()
    process.communicate(timeout=60)
    home.wait_for("saved.en-de.vanilla.1")
    home.order("en-de.vanilla.1", "")
    assert home.runner(variations=["none"]).run() == []
    assert home.done() == set(PLAIN)


def test_one_study_at_a_time_works_in_a_folder(home):
    one = home.runner()
    with file_lock.held(str(home.path / "work" / "lock"), "held"):
        with pytest.raises(InputError, match="Another study runs in"):
            one.run()
    assert home.done() == set()


def test_cells_are_trained_when_their_search_is_there(home):
    home.runner(arms=["tuned"]).run()
    assert home.done() == set()
    write_search(home.path / "searches", home.study, "vanilla")
    home.runner(arms=["tuned"]).run()
    assert home.done() == {"en-de.tuned.1"}
    found = json.loads((home.results / "en-de.tuned.1.json").read_text())
    assert found["config"]["training"]["learning_rate"] == 0.02


def test_who_waits_is_told_with_the_command(home):
    state = Selection(home.study).state(str(home.results), {})
    (line,) = runner.describe_waiting(home.study, state.waiting, "found")
    expected = "Waiting for the search for vanilla: en-de.tuned.1. Search: "
    assert line.startswith(expected)
    assert "--output=found/search.vanilla.json" in line


def test_as_many_cells_at_a_time_as_processors():
    allowed = sorted(os.sched_getaffinity(0))
    assert runner.choose_processors(len(allowed)) == allowed
    for number in (0, len(allowed) + 1):
        with pytest.raises(InputError, match=f"--workers={number} cells"):
            runner.choose_processors(number)
