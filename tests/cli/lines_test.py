import gzip
import io
import os
import types

import pytest

from shared_transformer_tf import errors
from shared_transformer_tf.cli import lines


def arrived(data):
    stream = io.BufferedReader(io.BytesIO(data))
    return [line for chunk in lines.arriving(stream) for line in chunk]


def arrived_byte_by_byte(data):
    """As through a pipe that is written to a little at a time."""
    pieces = iter([*(data[i : i + 1] for i in range(len(data))), b""])
    stream = types.SimpleNamespace(read1=lambda size: next(pieces))
    return [line for chunk in lines.arriving(stream) for line in chunk]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"a\n\nb", ["a", "", "b"]),
        (b"a\n\nb\n", ["a", "", "b"]),
        (b"\xff\xfe\n", ["\ufffd\ufffd"]),
        ("a\u2028b\u0085c\rd\n".encode(), ["a\u2028b\u0085c\rd"]),
        (b"a\r\n", ["a\r"]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb", ["a", "\ufeffb"]),
    ],
)
def test_only_newline_ends_a_line(data, expected, tmp_path):
    assert arrived(data) == expected
    assert arrived_byte_by_byte(data) == expected
    path = tmp_path / "text"
    path.write_bytes(data)
    assert lines.read(str(path)) == expected
    path.write_bytes(gzip.compress(data))
    assert lines.read(str(path)) == expected


def test_lines_longer_than_one_read_are_whole():
    long = "ä" * 100_000
    assert arrived(f"{long}\nb\n{long}".encode()) == [long, "b", long]


def test_a_line_is_answered_before_the_next_is_written():
    reader, writer = os.pipe()
    with open(reader, "rb") as stream, open(writer, "wb", 0) as source:
        chunks = lines.arriving(stream)
        source.write(b"first\nsec")
        assert next(chunks) == ["first"]
        source.write(b"ond\n")
        assert next(chunks) == ["second"]


def test_chunks_do_not_depend_on_arrival():
    text = b"".join(b"%d\n" % number for number in range(50_000))
    stream = io.BufferedReader(io.BytesIO(text))
    sizes = [len(chunk) for chunk in lines.in_chunks(stream, 20_000)]
    assert sizes == [20_000, 20_000, 10_000]


@pytest.mark.parametrize("read", [arrived, arrived_byte_by_byte])
def test_what_comes_compressed_is_refused(read):
    with pytest.raises(errors.InputError, match="gzip -dc"):
        read(gzip.compress(b"text\n"))


@pytest.mark.parametrize("data", [b"\x1f", b"\xef\xbb", b"\x1fa\n"])
def test_the_beginning_of_a_mark_alone_is_text(data):
    expected = data.decode(errors="replace").split("\n")[0]
    for read in (arrived, arrived_byte_by_byte):
        assert read(data) == [expected]


def test_damaged_gzip_is_told(tmp_path):
    path = tmp_path / "text.gz"
    path.write_bytes(gzip.compress(b"text\n" * 100)[:-9])
    with pytest.raises(errors.InputError, match="damaged gzip"):
        lines.read(str(path))


def test_written_lines_stay_lines():
    stream = io.BytesIO()
    lines.write(stream, [["a\nb"], [], ["c", "\ud800"]])
    assert stream.getvalue() == b"a b\n\nc\t?\n"
