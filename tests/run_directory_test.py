"""A run's folder: what makes it one, and what may change when it goes on."""

import dataclasses
import os
import re

import pytest

from shared_transformer_tf import run_directory
from shared_transformer_tf.config import Config
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.run_directory import RunDirectory


def begun(folder, **training):
    run = RunDirectory(str(folder))
    run.write_config(changed(**training))
    return run


def changed(**training):
    config = Config()
    config.training = dataclasses.replace(config.training, **training)
    return config


def test_every_file_lies_inside(tmp_path):
    run = RunDirectory(str(tmp_path / "run"))
    files = [value for name, value in vars(run).items() if name != "path"]
    assert len(set(files)) == 5
    for file in files:
        assert os.path.dirname(file) == run.path
    assert not os.path.exists(run.path)


def test_a_run_exists_from_its_config_on(tmp_path):
    run = RunDirectory(str(tmp_path / "a" / "run"))
    assert not run.exists
    run.write_config(Config())
    assert run.exists
    assert os.listdir(run.path) == ["config.json"]
    assert run.read_config() == Config()


def test_one_at_a_time_writes(tmp_path):
    run = RunDirectory(str(tmp_path / "run"))
    with run.alone():
        with (
            pytest.raises(InputError, match="Another training writes in"),
            RunDirectory(run.path).alone(),
        ):
            pass
    with run.alone():
        run.check_new()


def test_a_failed_write_leaves_the_config_before(tmp_path, monkeypatch):
    run = begun(tmp_path)

    def fail(source, target):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        run.write_config(changed(max_steps=1))
    assert run.read_config() == Config()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"training": {"max_steps": NaN}}', '{"model": 3}']
    + ['{"model": {"num_heads": 3}}', '{"model": {"heads": 4}}'],
)
def test_a_damaged_config_names_its_file(text, tmp_path):
    run = begun(tmp_path)
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError, match="config.json is damaged") as error:
        run.read_config()
    assert "\n" not in str(error.value)


def test_the_same_config_goes_on(tmp_path):
    begun(tmp_path).check_config(Config())


@pytest.mark.parametrize("name", run_directory.MAY_CHANGE)
def test_some_fields_may_change(name, tmp_path):
    section, field = name.split(".")
    assert section == "training"
    begun(tmp_path).check_config(changed(**{field: 77}))


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_the_end_of_a_schedule_that_falls_to_it_may_not_move(
    schedule, tmp_path
):
    run = begun(tmp_path, schedule=schedule)
    run.check_config(changed(schedule=schedule, log_every=77))
    with pytest.raises(InputError, match="max_steps was 3000, is 77") as error:
        run.check_config(changed(schedule=schedule, max_steps=77))
    (may_change,) = re.findall(r"\((.*) may change\.\)", str(error.value))
    left = {"training.max_steps", "training.max_tokens"}
    assert set(may_change.split(", ")) == set(run_directory.MAY_CHANGE) - left
    with pytest.raises(InputError, match="max_tokens was 0, is 77"):
        run.check_config(changed(schedule=schedule, max_tokens=77))


def test_every_other_field_is_fixed(tmp_path):
    run = begun(tmp_path)
    for section in dataclasses.fields(Config):
        for field in dataclasses.fields(section.default_factory):
            name = f"{section.name}.{field.name}"
            if name in run_directory.MAY_CHANGE:
                continue
            config = Config()
            setattr(getattr(config, section.name), field.name, "other")
            with pytest.raises(InputError, match=f"{name} was .* 'other'"):
                run.check_config(config)


def test_all_differences_are_told_at_once(tmp_path):
    config = changed(seed=2)
    config.model.dropout = 0.5
    with pytest.raises(InputError) as error:
        begun(tmp_path).check_config(config)
    for part in ("training.seed was 1, is 2", "dropout was 0.1, is 0.5"):
        assert part in str(error.value)


@pytest.mark.parametrize(
    "names", [[], ["tokenizer"], ["config.json.partial", "tokenizer"]]
)
def test_a_run_begins_in_an_empty_folder_or_where_it_stopped_early(
    names, tmp_path
):
    for name in names:
        (tmp_path / name).mkdir()
    RunDirectory(str(tmp_path)).check_new()
    RunDirectory(str(tmp_path / "absent")).check_new()
    assert sorted(os.listdir(tmp_path)) == names


def test_a_run_does_not_begin_among_other_files(tmp_path):
    for name in "edcba":
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"other files \(a, b, c\)"):
        RunDirectory(str(tmp_path)).check_new()
    with pytest.raises(InputError, match="is a file, not a folder"):
        RunDirectory(str(tmp_path / "a")).check_new()
    with pytest.raises(InputError, match="a is no folder"):
        RunDirectory(str(tmp_path / "a" / "b" / "c")).check_can_be_made()


def test_a_run_that_cannot_be_made_is_told_at_once(tmp_path, monkeypatch):
    asked = []

    def access(path, mode):
        asked.append((path, mode))
        return False

    monkeypatch.setattr(os, "access", access)  # root may write anywhere
    with pytest.raises(InputError, match=f"may be written in {tmp_path}"):
        RunDirectory(str(tmp_path / "b" / "c")).check_can_be_made()
    assert asked == [(str(tmp_path), os.W_OK | os.X_OK)]
