"""The command `study`: what is refused before anything is trained."""

import json
import os

import pytest

from shared_transformer_tf.cli import study as study_cli
from shared_transformer_tf.study import plan, tasks
from shared_transformer_tf.study.cells import Cell
from shared_transformer_tf.study.cost import speeds
from shared_transformer_tf.study.run import checks
from shared_transformer_tf.study.run.cell_process import StudyFolder
from tests.study import numbers_study
from tests.study.made_results import write_result, write_search

CELL = Cell("en-de", "vanilla", 1)


class Command:
    def __init__(self, home, capsys):
        self.home, self._capsys = home, capsys
        self.file = numbers_study.write(home)
        self.study = plan.load(self.file)
        (home / "searches").mkdir()

    def __call__(self, *flags):
        folders = ("workdir", "results", "searches")
        if "--report" in flags:
            folders = ("results", "searches")
        given = {f"--{name}={self.home / name}" for name in folders}
        given = {
            flag
            for flag in (*given, f"--config={self.file}", "--workers=1")
            if not any(one.startswith(flag.split("=")[0]) for one in flags)
        }
        code = study_cli.main(["study", *sorted(given), *flags])
        captured = self._capsys.readouterr()
        return code, captured.out, captured.err

    def refusal(self, *flags):
        other = {"--report", "--plan", "--dry_run"} & set(flags)
        for dry in ([],) if other else ([], ["--dry_run"]):
            code, out, error = self(*flags, *dry)
            assert code == 1
            assert out == ""
            assert error.count("\n") == 1
        return error


@pytest.fixture(name="command")
def fixture_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(
        speeds,
        "survey",
        lambda configs, *_: [speeds.Speed(9, 2e6, 3.0) for _ in configs],
    )
    return Command(tmp_path, capsys)


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--arms=vanilla,sharde", "no arm 'sharde'"),
        ("--tasks=en-xx", "no task 'en-xx'"),
        ("--seeds=4", "no seed '4'"),
        ("--readme=README.md", "--readme acts with --report only"),
        ("--tokens_per_second=9", "_per_second acts with --plan only"),
        ("--seeds=one", "--seeds has 'one', expected whole numbers"),
        ("--variations=x3", "no variation 'x3'"),
        ("--workers=1000", "--workers=1000 cells at a time"),
        ("--config=nowhere", "There is no config 'nowhere'"),
        ("--config=nowhere.py", "There is no file nowhere.py. Give another"),
        ("--config=numbers", "has no function get_study"),
    ],
)
def test_wrong_flags(flag, message, command):
    assert message in command.refusal(flag)


def test_a_folder_of_another_study(command, tmp_path):
    other = numbers_study.STUDY.replace("max_tokens=600", "max_tokens=700")
    folder = StudyFolder(str(command.home / "workdir"))
    checks.sign(folder, command.study)
    assert command("--dry_run")[0] == 0
    numbers_study.write(tmp_path, other)
    assert "is that of another study" in command.refusal()


def test_results_of_another_study(command):
    results = command.home / "results"
    write_result(results, command.study, CELL, study_fingerprint="f00")
    assert "is a result of another study" in command.refusal()


def test_a_result_that_was_trained_with_other_settings(command):
    results = command.home / "results"
    write_result(results, command.study, CELL)
    path = results / f"{CELL.name}.json"
    made = json.loads(path.read_text())
    made["config"]["model"]["dropout"] = 0.7
    path.write_text(json.dumps(made))
    told = "model.dropout=0.7, but this study says 0.1"
    assert told in command.refusal()
    assert told in command("--report")[2]


def test_a_report_of_cells_before_another_search(command):
    cell = Cell("en-de", "tuned", 1)
    rate = "training.learning_rate"
    write_search(command.home / "searches", command.study, "vanilla")
    before = {"vanilla": {rate: 0.5}}
    write_result(command.home / "results", command.study, cell, before)
    code, _, error = command("--report")
    assert code == 1
    assert f"{cell.name}.json was trained with {rate}=0.5" in error


def test_a_search_over_another_space(command):
    write_search(
        command.home / "searches", command.study, "vanilla", space={"a": "b"}
    )
    assert "is of a search over another space" in command.refusal()


def test_text_that_is_missing(command, tmp_path):
    text = numbers_study.STUDY.replace(
        "    return Study(",
        '    base.data.corpus = "text"\n'
        f'    base.data.directory = "{tmp_path}"\n'
        "    return Study(",
    )
    numbers_study.write(tmp_path, text)
    assert "There is no train text" in command.refusal()


def test_text_that_is_not_that_of_the_results(command):
    results = command.home / "results"
    other = Cell("en-de", "shared", 1)
    text = tasks.check_text(command.study.config(other, {}))
    write_result(results, command.study, other, fingerprints={"text": text})
    assert command("--dry_run", "--arms=vanilla")[0] == 0
    write_result(results, command.study, other, fingerprints={"text": "f00"})
    told = f"{CELL.name} would be trained on another text than {other.name}"
    assert told in command.refusal("--arms=vanilla")


def test_a_run_that_was_begun_with_other_settings(command):
    config = command.study.config(CELL, {})
    config.model.dropout = 0.7
    run = command.home / "workdir" / "runs" / CELL.name
    run.mkdir(parents=True)
    (run / "config.json").write_text(config.to_json())
    assert "model.dropout was 0.7, is 0.1" in command.refusal()


@pytest.mark.parametrize("flag", ["workdir", "results"])
def test_a_file_in_place_of_a_folder(flag, command):
    (command.home / flag).write_text("")
    assert f"--{flag}={command.home / flag} is a file" in command.refusal()


@pytest.mark.parametrize("flag", ["workdir", "results"])
def test_a_folder_in_which_nothing_may_be_written(flag, command, monkeypatch):
    closed = str(command.home / flag)
    os.mkdir(closed)
    monkeypatch.setattr(os, "access", lambda path, mode: path != closed)
    refusal = command.refusal()
    assert f"--{flag}={closed} cannot be used: nothing may be" in refusal


def test_a_result_that_lacks_a_field(command):
    write_result(command.home / "results", command.study, CELL, dev=None)
    refusal = command.refusal()
    assert f"results/{CELL.name}.json: the field 'dev' is None" in refusal


def test_a_run_folder_with_other_files(command):
    run = command.home / "workdir" / "runs" / CELL.name
    run.mkdir(parents=True)
    (run / "letter.txt").write_text("")
    assert "holds no run but other files (letter.txt)" in command.refusal()


@pytest.mark.parametrize("flag", ["--arms=vanilla", "--workdir=here"])
def test_a_report_of_some_cells(flag, command):
    error = command.refusal("--report", flag)
    assert f"of all cells and trains none: leave out {flag[:5]}" in error


@pytest.mark.parametrize("flags", ["--report --plan", "--plan --dry_run"])
def test_two_kinds_of_work(flags, command):
    assert "are different work: give one" in command.refusal(*flags.split())


def test_a_folder_of_searches_that_is_not_there(command):
    assert "--searches=nowhere is no folder" in command.refusal(
        "--searches=nowhere"
    )


def test_a_plan_for_no_devices(command):
    assert "names no large devices for --plan" in command.refusal("--plan")


def test_a_report_of_nothing(command):
    code, _, error = command("--report")
    assert code == 1 and "has no results of a study" in error


def test_a_dry_run_trains_nothing_and_says_what_it_would(command):
    code, out, error = command("--dry_run")
    assert code == 0
    assert "vanilla" in out and "hours" in out.lower()
    assert "Waiting for the search for vanilla" in error
    assert not (command.home / "results").exists()
    assert not (command.home / "workdir").exists()
    _, out, error = command("--dry_run", "--arms=shared")
    assert "vanilla  " not in out and error == ""


def test_a_dry_run_on_many_devices_tells_cells_alone(command, tmp_path):
    text = numbers_study.STUDY.replace(
        "        search_tokens=", '        strategy="mirrored", search_tokens='
    )
    numbers_study.write(tmp_path, text)
    code, out, _ = command("--dry_run")
    assert code == 0
    assert "en-de      0/3     0/1     0/1" in out
    assert "trained with strategy mirrored" in out and "--plan" in out
    assert "tokens/s" not in out


def test_a_plan_has_the_searches_that_the_chosen_arms_need(monkeypatch, capsys):
    monkeypatch.setattr(
        speeds,
        "sizes",
        lambda configs, *_: [(1, 1e9)] * len(configs),
    )
    flags = ["--config=study_wmt", "--plan", "--arms=shared,tuned"]
    assert study_cli.main(["study", *flags]) == 0
    told = capsys.readouterr().out
    assert "search for vanilla" in told and "search for shared" not in told
