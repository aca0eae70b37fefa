"""`tune` checks everything, then hands settings and folder on."""

import importlib
import pathlib
import subprocess
import sys

import pytest

from shared_transformer_tf import experiment
from shared_transformer_tf.cli import tune
from shared_transformer_tf.errors import InputError

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENOUGH = "--budget_tokens=200000"


class Results:
    def describe(self):
        return "Best: trial 7"


@pytest.fixture
def calls(monkeypatch):
    search = importlib.import_module(
        "shared_transformer_tf.study.search.search"
    )
    made = []

    def run(*arguments):
        made.append(arguments)
        return Results()

    monkeypatch.setattr(search, "run", run)
    return made


def test_tune_says_what_is_searched_and_hands_it_on(calls, tmp_path, capsys):
    arguments = [
        "--config=multi30k_shared",
        "--config.data.corpus=numbers",
        f"--workdir={tmp_path / 'search'}",
        ENOUGH,
        "--trials=7",
        "--oracle=hyperband",
        "--objective=loss",
        "--fields=learning_rate,model.dropout",
        "--seed=3",
        "--workers=2",
        "--arm=shared",
        "--output=search.shared.json",
    ]
    assert tune.main(["tune", *arguments]) == 0
    ((settings, workdir, (workers, command), output, train),) = calls
    assert train.func is experiment.train
    assert train.keywords == {"strategy": "none", "num_replicas": 0}
    assert settings.config.model.sharing == "sequence"
    assert (settings.trials, settings.oracle) == (7, "hyperband")
    assert (settings.objective, settings.budget_tokens) == ("loss", 200000)
    assert settings.seed == 3
    assert settings.labels == {"study": "", "task": "", "arm": "shared"}
    names = [field.name for field in settings.space.fields]
    assert names == ["training.learning_rate", "model.dropout"]
    assert (workdir, output) == (
        str(tmp_path / "search"),
        "search.shared.json",
    )
    assert workers == 2 and command[1:] == ["-m", tune.__name__, *arguments]
    out = capsys.readouterr().out
    assert "searched   training.learning_rate" in out
    assert "left out   training.gradient_rule" in out
    assert out.endswith("Best: trial 7\n")


def test_every_trial_is_trained_by_the_strategy(calls, tmp_path, monkeypatch):
    flags = ["--strategy=mirrored", "--num_replicas=2"]
    search = importlib.import_module(
        "shared_transformer_tf.study.search.search"
    )
    made = []
    monkeypatch.setattr(
        search.strategies, "make_strategy", lambda *given: made.append(given)
    )
    assert tune.main(["tune", f"--workdir={tmp_path}/s", ENOUGH, *flags]) == 0
    assert made == [("mirrored", 2)]
    assert calls[0][-1].keywords == {"strategy": "mirrored", "num_replicas": 2}


def test_a_worker_works_and_searches_nothing(calls, monkeypatch, tmp_path):
    search = importlib.import_module(
        "shared_transformer_tf.study.search.search"
    )
    worker = importlib.import_module(
        "shared_transformer_tf.study.search.worker"
    )
    worked, ends = [], []
    monkeypatch.setattr(search, "work", lambda *a: worked.append(a))
    monkeypatch.setattr(worker, "end_with_the_chief", lambda: ends.append(1))
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    assert tune.main(["tune", f"--workdir={tmp_path}", ENOUGH]) == 0
    ((settings, workdir),) = worked
    assert workdir == str(tmp_path) and settings.budget_tokens == 200000
    assert ends == [1] and calls == []


def test_an_error_of_the_search_is_one_line(calls, monkeypatch, capsys):
    search = importlib.import_module(
        "shared_transformer_tf.study.search.search"
    )

    def run(*arguments):
        raise InputError("worker0 ended with an error.")

    monkeypatch.setattr(search, "run", run)
    assert tune.main(["tune", "--workdir=never", ENOUGH]) == 1
    assert capsys.readouterr().err == "Error: worker0 ended with an error.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--budget_tokens=0"], "--budget_tokens is missing"),
        (["--budget_tokens=5000"], "less than one update of up to 8192"),
        (
            [ENOUGH, "--fields=hidden_dim"],
            "'hidden_dim', which is not searched",
        ),
        ([ENOUGH, "--fields=update_scaling"], "does not act in this config"),
        (
            [ENOUGH, "--strategy=mirrored", "--workers=2"],
            "--strategy=mirrored trains each trial on all devices",
        ),
        ([ENOUGH, "--num_replicas=2"], "is for --strategy=mirrored"),
        ([ENOUGH, "--oracle=grid"], "one of bayesian, random, hyperband"),
        ([ENOUGH, "--trials=0"], "--trials=0"),
        ([ENOUGH, "--config.model.num_heads=3"], "does not divide"),
        ([ENOUGH, f"--workdir={ROOT / 'configs'}"], "holds no search"),
        ([ENOUGH, f"--output={ROOT / 'results'}"], "is a folder, expected"),
        ([ENOUGH, f"--output={ROOT / 'README.md' / 'a'}"], "md is no folder"),
        (
            [ENOUGH, "--config=multi30k", "--config.data.directory=nowhere"],
            "There is no train text",
        ),
        (
            [
                ENOUGH,
                "--config=multi30k",
                "--config.data.train_source=nowhere.en",
            ],
            "There is no file nowhere.en",
        ),
    ],
)
def test_what_is_wrong_is_told_in_a_line_before_tensorflow_starts(
    arguments, message, tmp_path
):
    arguments = ["tune", f"--workdir={tmp_path / 'new'}", *arguments]
    code = (
        "import sys\n"
        "from shared_transformer_tf.cli import tune\n"
        f"code = tune.main({arguments!r})\n"
        "slow = {'tensorflow', 'keras'} & sys.modules.keys()\n"
        "sys.exit(f'loaded {slow}' if slow else code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert message in done.stderr
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stdout == "" and not (tmp_path / "new").exists()


def test_a_folder_of_another_search_is_told_before_tensorflow_starts(
    tmp_path, capsys
):
    study = "shared_transformer_tf.study"
    folder = importlib.import_module(f"{study}.search.folder")
    settings = importlib.import_module(f"{study}.search.settings")
    space = importlib.import_module(f"{study}.search.space")
    config = importlib.import_module("shared_transformer_tf.config").Config()
    other = settings.SearchSettings(config, space.make_space(config), 90_000)
    folder.SearchFolder(str(tmp_path)).begin(other)
    assert tune.main(["tune", f"--workdir={tmp_path}", ENOUGH]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    assert "budget_tokens was 90000, is 200000" in captured.err
