"""A search's folder refuses what is not its own, and keeps others out."""

import dataclasses
import json
import os
import subprocess
import sys

import pytest

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study import settings as settings_lib
from shared_transformer_tf.study.search import folder as folder_lib
from shared_transformer_tf.study.search import space as space_lib
from shared_transformer_tf.study.search.folder import Outcome, SearchFolder
from tests.study.fake_training import make_settings


@pytest.fixture
def folder(tmp_path):
    return SearchFolder(str(tmp_path / "search"))


def test_the_same_search_may_go_on_with_more_trials(folder):
    folder.check(make_settings())
    folder.begin(make_settings())
    before = folder_lib.read_json(folder.settings_file)
    folder.check(make_settings(trials=99, labels={"arm": "vanilla"}))
    assert folder_lib.read_json(folder.settings_file) == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget_tokens": 95_000}, "budget_tokens was 90000, is 95000"),
        ({"oracle": "hyperband"}, "oracle was 'random', is 'hyperband'"),
        ({"objective": "loss"}, "objective was 'bleu', is 'loss'"),
        ({"seed": 2}, "seed was 1, is 2"),
        ({"evaluations": 3}, "evaluations was 5, is 3"),
    ],
)
def test_a_folder_of_another_search_is_refused(folder, changes, message):
    folder.begin(make_settings())
    with pytest.raises(InputError, match=message) as error:
        folder.check(make_settings(**changes))
    assert "\n" not in str(error.value)


def test_a_folder_of_another_config_or_space_is_refused(folder):
    settings = make_settings()
    folder.begin(settings)
    config = settings_lib.changed(settings.config, {"model.hidden_dim": 64})
    with pytest.raises(InputError, match="hidden_dim was 128, is 64"):
        folder.check(dataclasses.replace(settings, config=config))
    space = space_lib.make_space(settings.config, ["dropout"])
    with pytest.raises(InputError, match="learning_rate was '0.0003 to 0.03"):
        folder.check(dataclasses.replace(settings, space=space))


def test_a_folder_of_something_else_is_refused(folder, tmp_path):
    with open(folder.file("thesis.txt"), "w", encoding="utf-8"):
        pass
    with pytest.raises(InputError, match="other files .thesis.txt"):
        folder.check(make_settings())
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        SearchFolder(str(tmp_path / "file")).check(make_settings())


def test_what_a_stop_before_the_beginning_leaves_is_no_hindrance(folder):
    with folder.lock():
        pass
    folder.file("tokenizer", "joint.model")
    folder.file("tokenizer.partial", "joint.model")
    for name in ("tokenizer.lock", "settings.json.7.partial"):
        with open(folder.file(name), "w", encoding="utf-8"):
            pass
    folder.check(make_settings())
    assert not os.path.exists(folder.settings_file)


def test_a_damaged_file_is_told(folder):
    with open(folder.file("settings.json"), "w", encoding="utf-8") as stream:
        stream.write('{"config": ')
    with pytest.raises(InputError, match="settings.json is damaged"):
        folder.check(make_settings())


def test_files_of_another_shape_are_told(folder):
    folder.begin(make_settings())
    folder_lib.write_json(folder.file("outcomes", "1.json"), {"trial": "1"})
    with pytest.raises(InputError, match="1.json is damaged .*missing"):
        folder.outcomes()
    folder_lib.write_json(folder.settings_file, [1])
    with pytest.raises(InputError, match=r"settings.json is damaged \(\[1\]\)"):
        folder.check(make_settings())


@pytest.mark.parametrize("begun", [False, True])
def test_a_folder_in_which_nothing_may_be_written(folder, begun, monkeypatch):
    if begun:
        folder.begin(make_settings())
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match="nothing may be written in"):
        folder.check(make_settings())


def test_outcomes_are_kept_and_replaced(folder):
    first = Outcome("01", {"model.dropout": 0.1}, "stopped early", 3.5)
    other = Outcome("02", {"model.dropout": 0.2}, "failed", reason="diverged")
    assert folder.outcomes() == [] and folder.outcome("01") is None
    folder.write_outcome(other)
    folder.write_outcome(first)
    assert folder.outcomes() == [first, other]
    last = dataclasses.replace(first, status="completed", score=4.0)
    folder.write_outcome(last)
    assert folder.outcome("01") == last


def test_deaths_are_counted_by_trial(folder):
    assert folder.deaths() == {}
    assert [folder.note_death(t) for t in ("1", "2", "1")] == [1, 1, 2]
    assert folder.deaths() == {"1": 2, "2": 1}


def test_what_is_not_finite_is_not_written(folder):
    with pytest.raises(ValueError, match="JSON"):
        folder.write_outcome(Outcome("1", {}, "completed", float("nan")))
    assert folder.outcomes() == []


def test_a_second_search_is_kept_out_while_a_worker_of_the_first_lives(
    folder, monkeypatch
):
    monkeypatch.setattr(folder_lib, "_WAIT_SECONDS", 0.1)
    with folder.lock() as lock:
        with pytest.raises(InputError, match="Another search works in"):
            with folder.lock():
                pass
        worker = subprocess.Popen(
            [sys.executable, "-c", "input()"],
            stdin=subprocess.PIPE,
            pass_fds=(lock,),
        )
    with worker:
        with pytest.raises(InputError, match="Another search works in"):
            with folder.lock():
                pass
        worker.stdin.write(b"\n")
        worker.stdin.flush()
        monkeypatch.setattr(folder_lib, "_WAIT_SECONDS", 20)
        with folder.lock():  # waits for its end
            assert worker.wait(20) == 0


def test_files_are_never_half(folder, monkeypatch):
    path = folder.file("outcomes", "1.json")
    folder_lib.write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        folder_lib.write_json(path, {"a": object()})
    with open(path, encoding="utf-8") as stream:
        assert json.load(stream) == {"a": 1}
