"""A search from its settings to its files, once with real trainings."""

import json
import os
import shutil

import pytest

from shared_transformer_tf.cli import config_flag
from shared_transformer_tf.errors import DivergedError, InputError
from shared_transformer_tf.run_directory import RunDirectory
from shared_transformer_tf.study.search import search, space
from shared_transformer_tf.study.search.folder import SearchFolder, read_json
from shared_transformer_tf.study.search.settings import SearchSettings
from tests.small_run import small
from tests.study.fake_training import FakeTraining, make_settings


@pytest.fixture
def no_vocabulary(monkeypatch):
    monkeypatch.setattr(
        search.vocabulary, "prepare", lambda config, directory: None
    )


@pytest.mark.usefixtures("quick", "no_vocabulary")
def test_results_are_written_with_every_trial_and_copied(tmp_path):
    folder = SearchFolder(str(tmp_path / "search"))
    copy = tmp_path / "search.vanilla.json"
    seen = []

    def look(name, tokens):
        path = os.path.join(folder.path, "search.json")
        known = read_json(path)["trials"] if os.path.exists(path) else []
        seen.append((int(name), len(known)))

    results = search.run(
        make_settings(), folder.path, output=str(copy), train=FakeTraining(look)
    )
    assert all(name == known for name, known in seen)
    assert json.loads(copy.read_text()) == results.to_dict()
    assert read_json(folder.file("search.json")) == results.to_dict()
    best = config_flag.load(folder.file("best_config.py"))
    assert best == results.best_config()
    names = os.listdir(os.path.join(folder.path, "hparams"))
    assert sorted(names) == ["0", "1", "2", "3", "4", "5", "space"]
    # a kill between the outcome and what TensorBoard is told
    shutil.rmtree(os.path.join(folder.path, "hparams", "5"))
    search.run(make_settings(), folder.path, train=FakeTraining())
    names = os.listdir(os.path.join(folder.path, "hparams"))
    assert sorted(names) == ["0", "1", "2", "3", "4", "5", "space"]


@pytest.mark.usefixtures("quick", "no_vocabulary")
def test_a_space_of_fewer_settings_than_trials_is_told(tmp_path, caplog):
    config = make_settings().config
    few = space.make_space(config, ["dropout"])
    settings = make_settings(space=few, trials=30)
    results = search.run(settings, str(tmp_path), train=FakeTraining())
    number = len(results.trials)
    assert 1 < number <= len(few.fields[0].choices) < 30
    assert f"{number} of 30 trials: the space has hardly any" in caplog.text


@pytest.mark.usefixtures("quick", "no_vocabulary")
@pytest.mark.parametrize(("oracle", "told"), [("random", 1), ("hyperband", 0)])
def test_the_hours_left_are_told_where_trials_are_alike(
    tmp_path, caplog, oracle, told
):
    caplog.set_level("INFO", logger="absl")
    settings = make_settings(oracle=oracle)
    search.run(settings, str(tmp_path), train=FakeTraining())
    lines = [
        line for line in caplog.messages if " of " in line and "dev" in line
    ]
    assert lines and all(line.count("hours left") == told for line in lines)


@pytest.mark.usefixtures("quick", "no_vocabulary")
def test_a_search_without_a_best_says_so_and_keeps_its_files(tmp_path):
    def diverge(name, tokens):
        raise DivergedError("Update 1 was not applied.")

    path = str(tmp_path / "search")
    (tmp_path / "copy").write_text("of a search before")
    with pytest.raises(InputError, match="No trial of 6 reached the budget"):
        search.run(
            make_settings(),
            path,
            output=str(tmp_path / "copy"),
            train=FakeTraining(diverge),
        )
    assert (tmp_path / "copy").read_text() == "of a search before"
    assert "not applied" in (tmp_path / "search" / "results.csv").read_text()


@pytest.mark.usefixtures("quick", "no_vocabulary")
def test_the_folder_of_another_search_is_refused_untouched(tmp_path):
    path = str(tmp_path / "search")
    search.run(make_settings(), path, train=FakeTraining())
    train = FakeTraining()
    for call in (search.run, search.work):
        with pytest.raises(InputError, match="seed was 1, is 2"):
            call(make_settings(seed=2), path, train=train)
    assert train.calls == []


def real_settings(**changes):
    config = small(max_steps=40, save_every=2)
    fields = ["learning_rate", "update_scaling"]
    return SearchSettings(
        config,
        space.make_space(config, fields),
        budget_tokens=600,
        trials=2,
        oracle="random",
        evaluations=2,
        objective="loss",
        **changes,
    )


def test_real_trials_share_a_vocabulary_and_end_by_tokens(tmp_path):
    path = str(tmp_path / "search")
    results = search.run(real_settings(), path)
    assert [t.status for t in results.trials] == ["completed"] * 2
    for trial in results.trials:
        run = RunDirectory(os.path.join(path, "trials", trial.trial))
        config = run.read_config()
        assert trial.score == trial.scores["loss"] > 0
        assert 600 <= trial.tokens < 600 + config.data.batch_tokens
        assert config.training.update_scaling in ("none", "sqrt_uses", "uses")
        with open(os.path.join(run.tokenizer, "joint.model"), "rb") as stream:
            own = stream.read()
        shared = tmp_path / "search" / "tokenizer" / "joint.model"
        assert shared.read_bytes() == own
    first = results.to_dict()
    assert search.run(real_settings(), path).to_dict() == first
