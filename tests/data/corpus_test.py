"""Properties of reading parallel text."""

import gzip
import io
import types

import pytest

from shared_transformer_tf import config as config_lib
from shared_transformer_tf import errors
from shared_transformer_tf.data import corpus


def test_only_line_feeds_end_a_line(tmp_path):
    file = tmp_path / "text"
    file.write_bytes("a\u2028b\u0085c\rd\r\n\n e \nlast".encode())
    assert corpus.read_lines(file) == ["a\u2028b\u0085c\rd", "", " e ", "last"]


def test_a_byte_order_mark_is_no_text(tmp_path):
    file = tmp_path / "text"
    file.write_bytes("\ufeffa\n\ufeffb\n".encode())
    assert corpus.read_lines(file) == ["a", "\ufeffb"]


def test_other_lines_have_another_checksum():
    def checksum(source, target):
        return corpus.checksum(corpus.ParallelText(source, target))

    before = checksum(["a", "b"], ["c", "d"])
    assert before == checksum(["a", "b"], ["c", "d"]) > 0
    others = [
        checksum(["a", "b "], ["c", "d"]),
        checksum(["b", "a"], ["c", "d"]),
        checksum(["a"], ["b", "c", "d"]),
        checksum(["c", "d"], ["a", "b"]),
    ]
    assert len({before, *others}) == 5


def test_gzip_and_plain_text_read_the_same(tmp_path):
    (tmp_path / "a").write_bytes("ä\nb\n".encode())
    (tmp_path / "b.gz").write_bytes(gzip.compress("ä\nb\n".encode()))
    text = corpus.read_parallel(tmp_path / "a", tmp_path / "b.gz")
    assert text.source == text.target == ["ä", "b"]


def test_a_dash_reads_stdin(monkeypatch):
    stdin = types.SimpleNamespace(buffer=io.BytesIO("grün\n".encode()))
    monkeypatch.setattr("sys.stdin", stdin)
    assert corpus.read_lines("-") == ["grün"]


def test_bytes_that_are_not_utf8_are_named_with_file_and_line(tmp_path):
    file = tmp_path / "latin"
    file.write_bytes(b"one\ntwo\ngr\xfcn\n")
    with pytest.raises(errors.InputError, match="latin, line 3: byte 0xfc"):
        corpus.read_lines(file)


def test_unequal_line_counts_are_refused_with_both(tmp_path):
    (tmp_path / "a").write_text("1\n2\n3\n")
    (tmp_path / "b").write_text("1\n2\n")
    with pytest.raises(errors.InputError, match="a has 3 lines but .*b has 2"):
        corpus.read_parallel(tmp_path / "a", tmp_path / "b")


def test_empty_files_are_refused(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(errors.InputError, match="are empty"):
        corpus.read_parallel(tmp_path / "a", tmp_path / "a")


def test_a_damaged_gzip_file_is_refused(tmp_path):
    file = tmp_path / "a.gz"
    file.write_bytes(gzip.compress(b"some text " * 100)[:20])
    with pytest.raises(errors.InputError, match="damaged gzip"):
        corpus.read_lines(file)


def test_a_missing_file_is_named():
    with pytest.raises(errors.InputError, match="There is no file nowhere"):
        corpus.read_lines("nowhere")


def test_a_missing_split_names_both_paths_and_the_setting(tmp_path):
    config = config_lib.DataConfig(corpus="text", directory=str(tmp_path))
    with pytest.raises(errors.InputError) as caught:
        corpus.load_split(config, "valid", seed=1)
    message = str(caught.value)
    assert str(tmp_path / "val.en") in message
    assert str(tmp_path / "val.en.gz") in message
    assert "--config.data.directory=" in message


def test_a_named_file_wins_over_the_directory(tmp_path):
    for name in ("train.en", "train.de", "mine"):
        (tmp_path / name).write_text(f"{name}\n")
    config = config_lib.DataConfig(
        corpus="text",
        directory=str(tmp_path),
        train_source=str(tmp_path / "mine"),
    )
    text = corpus.load_split(config, "train", seed=1)
    assert (text.source, text.target) == (["mine"], ["train.de"])


def test_an_unknown_split_lists_the_valid_ones():
    with pytest.raises(errors.InputError, match="train, valid, test"):
        corpus.load_split(config_lib.DataConfig(), "dev", seed=1)
