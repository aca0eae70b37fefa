"""Parallel text: from files, from stdin, or the embedded numbers."""

import codecs
import dataclasses
import gzip
import os
import pathlib
import sys
import zlib

from shared_transformer_tf import config as config_lib
from shared_transformer_tf import errors
from shared_transformer_tf.data import numbers

SPLITS = ("train", "valid", "test")
_GZIP_MAGIC = b"\x1f\x8b"


@dataclasses.dataclass(frozen=True)
class ParallelText:
    """Sentences and their translations, line by line.

    Attributes:
        source: lines without their ends.
        target: as many lines in the other language.
    """

    source: list[str]
    target: list[str]

    def __len__(self) -> int:
        """Returns the number of pairs."""
        return len(self.source)


def checksum(*texts: ParallelText) -> int:
    """Returns a number from 1 on that other lines would hardly have."""
    found = 0
    for text in texts:
        for side in (text.source, text.target):
            found = zlib.crc32("\n".join(side).encode(), found)
            found = zlib.crc32(b"%d" % len(side), found)
    return found + 1


def read_lines(path: str | os.PathLike) -> list[str]:
    r"""Reads strict UTF-8 text, plain or gzip-compressed.

    Only `\n` ends a line (and `\r\n`, whose `\r` is dropped): a lone `\r`,
    U+0085 and U+2028 are characters of a sentence. A byte order mark at the
    beginning is none.

    Args:
        path: a file, or `-` for stdin.

    Raises:
        InputError: if there is no such file, or with the line number where
            the bytes are not UTF-8.
        OSError: if the file cannot be read.
    """
    data = _read_bytes(path).removeprefix(codecs.BOM_UTF8)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise errors.InputError(
            f"{_shown(path)}, line {line}: byte 0x{data[error.start]:02x} is "
            "not UTF-8 text. Convert the file, for instance with `iconv -f "
            "LATIN1 -t UTF-8`."
        ) from error
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def _read_bytes(path: str | os.PathLike) -> bytes:
    if str(path) == "-":
        data = sys.stdin.buffer.read()
    else:
        try:
            data = pathlib.Path(path).read_bytes()
        except FileNotFoundError as error:
            raise errors.InputError(
                f"There is no file {path}: give the path of a text file with "
                "one sentence per line."
            ) from error
    if not data.startswith(_GZIP_MAGIC):
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise errors.InputError(
            f"{_shown(path)} is a damaged gzip file ({error}): fetch it again."
        ) from error


def _shown(path: str | os.PathLike) -> str:
    return "stdin" if str(path) == "-" else str(path)


def read_parallel(
    source_file: str | os.PathLike, target_file: str | os.PathLike
) -> ParallelText:
    """Reads two files whose lines belong together.

    Raises:
        InputError: as `read_lines`; and with both counts if the files do not
            have equally many lines, or if they have none.
    """
    text = ParallelText(read_lines(source_file), read_lines(target_file))
    if len(text.source) != len(text.target):
        raise errors.InputError(
            f"{_shown(source_file)} has {len(text.source)} lines but "
            f"{_shown(target_file)} has {len(text.target)}: line n of the one "
            "must be the translation of line n of the other."
        )
    if not text.source:
        raise errors.InputError(
            f"{_shown(source_file)} and {_shown(target_file)} are empty: give "
            "text with one sentence per line."
        )
    return text


def load_split(
    config: config_lib.DataConfig, split: str, seed: int
) -> ParallelText:
    """Loads the training, dev or test set that a config names.

    Args:
        config: `corpus="numbers"` makes it, `corpus="text"` reads files.
        split: `train`, `valid` or `test`.
        seed: of the numbers; text does not depend on it.

    Raises:
        InputError: if a file is missing or wrong; see `read_parallel`.

    Example:
    >>> load_split(config_lib.DataConfig(), "test", seed=1).source[1]
    'twenty-two'
    """
    if split not in SPLITS:
        raise errors.InputError(
            f"Unknown split {split!r}. Choose one of {', '.join(SPLITS)}."
        )
    if config.corpus == "numbers":
        return ParallelText(*numbers.make_split(config, split, seed))
    return read_parallel(
        _find_file(config, split, "source"), _find_file(config, split, "target")
    )


def check_files(config: config_lib.DataConfig, *splits: str) -> None:
    """Checks that the files of some splits are there, unread.

    Raises:
        InputError: naming the first that is missing.
    """
    if config.corpus == "numbers":
        return
    for split in splits:
        for side in ("source", "target"):
            path = _find_file(config, split, side)
            if not os.path.isfile(path):
                raise errors.InputError(
                    f"There is no file {path}, which data.{split}_{side} "
                    "names: expected text, one sentence per line."
                )


def _find_file(config: config_lib.DataConfig, split: str, side: str) -> str:
    """Returns the file named for a split and side, else the directory's."""
    named = getattr(config, f"{split}_{side}")
    if named:
        return named
    language = getattr(config, f"{side}_language")
    name = f"{getattr(config, f'{split}_split')}.{language}"
    plain = os.path.join(config.directory, name)
    candidates = (plain, f"{plain}.gz")
    for candidate in candidates:
        if os.path.exists(candidate):
            return candidate
    raise errors.InputError(
        f"There is no {split} text: neither {candidates[0]} nor "
        f"{candidates[1]} exists. Name the folder in data.directory or the "
        f"file in data.{split}_{side}: in the config, or by --config.data."
        f"directory=DIR or --config.data.{split}_{side}=FILE where a command "
        "takes them. A shipped config tells at its top where its text comes "
        "from."
    )
