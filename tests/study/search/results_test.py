"""What a search writes agrees with its trials, and is taken by `train`."""

import csv
import json

import pytest

from shared_transformer_tf.cli import config_flag
from shared_transformer_tf.config import Config
from shared_transformer_tf.study.search import results as results_lib
from shared_transformer_tf.study.search.folder import (
    Outcome,
    SearchFolder,
    read_json,
)
from shared_transformer_tf.study.search.results import SearchResults
from tests.study.fake_training import make_settings


def outcome(name, rate, status="completed", score=None, **changes):
    settings = {
        "training.learning_rate": rate,
        "training.beta_2": 0.98,
        "model.dropout": 0.1,
    }
    return Outcome(name, settings, status, score, **changes)


TRIALS = [
    outcome("0", 0.003, score=20.0, tokens=90_000, seconds=5.0),
    outcome("1", 0.006, score=25.5, tokens=90_000),
    outcome("2", 0.03, "failed", reason="diverged: Update 1, was nan"),
    outcome("3", 0.001, "stopped early", 27.0, reason="below the median"),
]


@pytest.fixture
def folder(tmp_path):
    folder = SearchFolder(str(tmp_path / "search"))
    for trial in TRIALS:
        folder.write_outcome(trial)
    return folder


def read(folder, **changes):
    return SearchResults.read(folder, make_settings(**changes))


def test_the_best_is_the_best_that_reached_the_budget(folder):
    assert read(folder).best == TRIALS[1]
    assert read(folder, objective="loss").best == TRIALS[0]
    assert [t.trial for t in read(folder).trials] == ["1", "0", "3", "2"]


def test_without_a_trial_at_the_budget_there_is_no_best(tmp_path):
    folder = SearchFolder(str(tmp_path))
    folder.write_outcome(TRIALS[3])
    results = read(folder)
    assert results.best is None
    assert "No trial reached the budget" in results.describe()
    results.write(folder)
    assert read_json(folder.file("search.json"))["settings"] == {}
    assert not (tmp_path / "best_config.py").exists()


def test_what_is_printed_names_every_trial_and_the_gain(folder):
    text = read(folder).describe()
    rows = text.splitlines()
    assert rows[0].split()[:2] == ["trial", "bleu"]
    assert [row.split()[0] for row in rows[1:5]] == ["1", "0", "3", "2"]
    assert "diverged: Update 1" in rows[4]
    assert text.endswith(
        "Best: trial 1, dev bleu 25.500; with the config's own values 20.000"
    )


def test_the_best_config_is_a_config_file(folder, tmp_path):
    settings = make_settings()
    settings.config.data.directory = 'it\'s a\n"folder"'
    settings.config.model.num_blocks = 2
    settings.config.model.sharing = "sequence"
    SearchResults.read(folder, settings).write(folder)
    found = config_flag.load(folder.file("best_config.py"))
    found.validate()
    assert found.training.learning_rate == 0.006
    assert found.training.max_steps == settings.config.training.max_steps
    found.training.learning_rate = settings.config.training.learning_rate
    assert found == settings.config


def test_a_config_file_of_the_defaults_states_nothing():
    text = results_lib.config_file(Config(), "Origin.")
    assert "    config." not in text


def test_files_hold_the_same_trials(folder):
    labels = {"study": "s", "task": "en-de", "arm": "vanilla"}
    read(folder, labels=labels).write(folder)
    found = read_json(folder.file("search.json"))
    assert (found["format"], found["kind"]) == (1, "search")
    assert found["arm"] == "vanilla" and found["task"] == "en-de"
    assert found["settings"] == TRIALS[1].settings
    assert found["objective"] == "bleu" and found["oracle"] == "random"
    ids = [trial["id"] for trial in found["trials"]]
    assert ids == ["1", "0", "3", "2"]
    with open(folder.file("results.csv"), newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["trial"] for row in rows] == ids
    assert rows[3]["reason"] == TRIALS[2].reason
    assert float(rows[0]["training.learning_rate"]) == 0.006
    with open(folder.file("results.json"), encoding="utf-8") as stream:
        table = json.load(stream)
    assert [row["trial"] for row in table] == ids
