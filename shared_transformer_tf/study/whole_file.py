"""Files that are whole or not there, whenever a process is killed."""

import json
import os
from typing import Any

from shared_transformer_tf.errors import InputError


def write(path: str | os.PathLike, text: str) -> None:
    """Writes a file beside its place and renames it.

    Args:
        path: of the file; its folder is made if it is missing.
        text: in UTF-8; line ends stay as they are.
    """
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    beside = f"{os.fspath(path)}.{os.getpid()}.partial"
    with open(beside, "w", encoding="utf-8", newline="") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(beside, path)


def read_json(path: str | os.PathLike, remedy: str) -> Any:
    """Returns what a JSON file holds.

    Args:
        path: of the file.
        remedy: what to do where it is damaged.

    Raises:
        InputError: if it is not JSON: not written by `write`, or changed.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            return json.load(stream)
    except ValueError as error:
        raise InputError(f"{path} is damaged ({error}): {remedy}.") from error
