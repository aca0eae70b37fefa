r"""Lines of text of commands that answer every line, whatever is in it.

Only "\n" ends a line, and bytes that are not UTF-8 become U+FFFD.
"""

import codecs
import gzip
import pathlib
import zlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from shared_transformer_tf import errors

_READ_BYTES = 1 << 16
_GZIP_MAGIC = b"\x1f\x8b"
_MARKS = (_GZIP_MAGIC, codecs.BOM_UTF8)


def arriving(stream: BinaryIO) -> Iterator[list[str]]:
    """Yields lists of lines as they come, so that a pipe is answered.

    Args:
        stream: buffered bytes, as `sys.stdin.buffer`.

    Yields:
        All whole lines that one read brought; a last line without an end
        counts as a line.

    Raises:
        InputError: if the text is compressed.
    """
    held, begun = b"", False
    while data := stream.read1(_READ_BYTES):
        if not begun:
            data, held = held + data, b""
            if any(mark != data and mark.startswith(data) for mark in _MARKS):
                held = data  # the rest of the mark may follow
                continue
            data, begun = _beginning(data), True
        *whole, held = (held + data).split(b"\n")
        if whole:
            yield _decode(whole)
    if held:
        yield _decode([held])


def _beginning(data: bytes) -> bytes:
    if data.startswith(_GZIP_MAGIC):
        raise errors.InputError(
            "The text is compressed: pipe it through `gzip -dc`."
        )
    return data.removeprefix(codecs.BOM_UTF8)


def in_chunks(stream: BinaryIO, size: int) -> Iterator[list[str]]:
    """Yields lists of `size` lines, the last one shorter."""
    held: list[str] = []
    for lines in arriving(stream):
        held += lines
        while len(held) >= size:
            yield held[:size]
            held = held[size:]
    if held:
        yield held


def read(path: str) -> list[str]:
    """Returns the lines of a plain or gzip-compressed file.

    Raises:
        InputError: if the compressed data are damaged.
        OSError: if the file cannot be read.
    """
    data = pathlib.Path(path).read_bytes()
    if data.startswith(_GZIP_MAGIC):
        try:
            data = gzip.decompress(data)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise errors.InputError(
                f"{path} is a damaged gzip file ({error}): fetch it again."
            ) from error
    lines = data.removeprefix(codecs.BOM_UTF8).split(b"\n")
    return _decode(lines if lines[-1] else lines[:-1])


def write(stream: BinaryIO, lines: Sequence[Sequence[str]]) -> None:
    """Writes one line per entry, its texts parted by tabs, and flushes."""
    for texts in lines:
        row = "\t".join(" ".join(text.split("\n")) for text in texts)
        stream.write(row.encode("utf-8", errors="replace") + b"\n")
    stream.flush()


def _decode(lines: Sequence[bytes]) -> list[str]:
    return [line.decode("utf-8", errors="replace") for line in lines]
