"""Settings that searches found: taken from this study's searches alone."""

import dataclasses

import pytest

from shared_transformer_tf.cli import tune
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study import found_settings, plan
from tests.study import numbers_study
from tests.study.made_results import write_search


@pytest.fixture(name="study")
def fixture_study(tmp_path):
    return plan.load(numbers_study.write(tmp_path))


def test_what_is_there_is_read(tmp_path, study):
    assert study.searches == ["vanilla"]
    assert found_settings.read(str(tmp_path), study) == {}
    write_search(tmp_path, study, "vanilla")
    assert found_settings.read(str(tmp_path), study) == {
        "vanilla": {"training.learning_rate": 0.02}
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "cell"}, "its kind is 'cell'"),
        ({"study": "other"}, "its study is 'other'"),
        ({"task": "de-en"}, "its task is 'de-en'"),
        ({"arm": "shared"}, "its arm is 'shared'"),
        ({"budget_tokens": 5}, "its budget_tokens is 5"),
        ({"objective": "loss"}, "its objective is 'loss'"),
        ({"oracle": "random"}, "its oracle is 'random'"),
        ({"settings": {}}, "has no settings"),
        ({"settings": {"model.dropout": 2.0}}, "model.dropout is 2"),
        ({"settings": {"model.num_layers": 4}}, "sets model.num_layers"),
        ({"space": None}, "another space"),
        ({"space": {"model.dropout": "0.1 0.2"}}, "dropout over 0.1 0.2, exp"),
        ({"trials": [{}]}, "has 1 trials, expected 3.*fewer search_trials"),
        ({"config": {}}, "another config: data.max_length is 128, expected 40"),
        ({"config": {"model": {"depht": 4}}}, "depht"),
        ({"config": []}, "an object of sections, got \\[\\]"),
    ],
)
def test_a_search_of_something_else_is_refused(
    changes, message, tmp_path, study
):
    path = write_search(tmp_path, study, "vanilla", **changes)
    with pytest.raises(InputError, match=message) as error:
        found_settings.read(str(tmp_path), study)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_a_damaged_file_is_told(text, tmp_path, study):
    write_search(tmp_path, study, "vanilla").write_text(text)
    with pytest.raises(InputError, match="search.vanilla.json"):
        found_settings.read(str(tmp_path), study)


def test_the_command_trains_trials_as_cells_are_trained(study):
    command = found_settings.command(study, "vanilla", "results")
    assert "--strategy" not in command
    study = dataclasses.replace(study, strategy="mirrored")
    command = found_settings.command(study, "vanilla", "results")
    assert " --strategy=mirrored " in command


def test_the_command_searches_what_is_expected(study, tmp_path, monkeypatch):
    asked = {}

    def stop(settings):
        asked["settings"] = settings
        raise InputError("enough")

    from shared_transformer_tf.study.search.results import SearchResults
    from shared_transformer_tf.study.search.settings import SearchSettings

    monkeypatch.setattr(SearchSettings, "check", stop)
    monkeypatch.chdir(tmp_path)
    words = found_settings.command(study, "vanilla", "results").split()
    words[2] = "--config=numbers_study.py"
    base = "\n\ndef get_config():\n    return get_study().base\n"
    numbers_study.write(tmp_path, numbers_study.STUDY + base)
    assert tune.main(words[1:]) == 1
    settings = asked["settings"]
    assert settings.budget_tokens == study.search_tokens
    assert settings.trials == study.search_trials
    assert settings.labels == {
        "study": study.name, "task": "en-de", "arm": "vanilla",
    }  # fmt: skip
    told = SearchResults(settings, [], {}).to_dict()
    told = {name: told[name] for name in ("space", "config")}
    write_search(tmp_path, study, "vanilla", **told)
    assert found_settings.read(str(tmp_path), study)
    told["config"]["model"]["hidden_dim"] = 8
    write_search(tmp_path, study, "vanilla", **told)
    with pytest.raises(InputError, match="another config: model.hidden_dim"):
        found_settings.read(str(tmp_path), study)
