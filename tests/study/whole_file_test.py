"""A file is the old one or the new one, never half of one."""

import os

import pytest

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study import whole_file


def test_a_file_is_written_with_its_folder(tmp_path):
    path = tmp_path / "new" / "folder" / "file"
    whole_file.write(path, "one\r\ntwo\n\u00e4")
    assert path.read_bytes() == "one\r\ntwo\n\u00e4".encode()
    assert [x.name for x in path.parent.iterdir()] == ["file"]


def test_a_stop_before_the_rename_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    whole_file.write(path, "old")

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        whole_file.write(path, "new")
    assert path.read_text() == "old"


@pytest.mark.parametrize("content", [b"", b"{", b"\xff"])
def test_a_damaged_file_is_told_with_its_remedy(content, tmp_path):
    path = tmp_path / "one.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match="one.json is damaged .*: mend it.$"):
        whole_file.read_json(path, "mend it")
    path.write_text('{"a": [1]}')
    assert whole_file.read_json(path, "mend it") == {"a": [1]}
