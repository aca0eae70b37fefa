import pathlib

import pytest

from shared_transformer_tf import errors
from shared_transformer_tf.export import versions


def write(output, file="saved_model.pb", form="saved_model"):
    with versions.next_version(output, form) as draft:
        pathlib.Path(draft.path).mkdir()
        pathlib.Path(draft.path, file).touch()
        assert not draft.version
    return draft.version


def test_numbers_follow_the_highest(tmp_path):
    assert write(tmp_path / "new" / "folder").endswith("/new/folder/1")
    (tmp_path / "7").mkdir()
    (tmp_path / "new").rename(tmp_path / "3")
    assert write(tmp_path) == str(tmp_path / "8")
    assert sorted(versions.numbers(tmp_path)) == [3, 7, 8]


def test_nothing_is_left_of_a_failure(tmp_path):
    with pytest.raises(ZeroDivisionError):
        with versions.next_version(tmp_path / "a" / "b", "onnx") as draft:
            pathlib.Path(draft.path).mkdir()
            _ = 1 / 0
    assert not list(tmp_path.iterdir())


def test_what_is_not_a_version_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(errors.InputError, match="notes.txt"):
        write(tmp_path)
    with pytest.raises(errors.InputError, match="is a file"):
        write(tmp_path / "notes.txt")
    assert [x.name for x in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_has_versions_of_one_form(tmp_path):
    write(tmp_path)
    with pytest.raises(errors.InputError, match="1 is of the form saved_model"):
        write(tmp_path, "model.bin", "ctranslate2")
    assert versions.numbers(tmp_path) == [1]
    assert write(tmp_path).endswith("/2")


def test_newest_version_of_any_form_is_taken(tmp_path):
    for name, file in (
        ("2", "saved_model.pb"),
        ("10", "model.bin"),
        ("11", "other"),
        ("notes", "saved_model.pb"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).touch()
    assert versions.newest(tmp_path) == str(tmp_path / "10")
    assert versions.newest(tmp_path / "2") == str(tmp_path / "2")
    assert versions.form(tmp_path / "2") == "saved_model"
    assert versions.form(tmp_path / "10") == "ctranslate2"
    with pytest.raises(errors.InputError, match="holds no exported model"):
        versions.newest(tmp_path / "11")


def test_a_version_keeps_its_own_name(tmp_path):
    for name in ("9", "010"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.onnx").touch()
    assert versions.newest(tmp_path) == str(tmp_path / "010")
    assert versions.form(versions.newest(tmp_path)) == "onnx"
