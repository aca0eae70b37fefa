"""The folder of numbered versions that a server looks into."""

import dataclasses
import os
import pathlib

from shared_transformer_tf import errors

GRAPH_FILE = "saved_model.pb"


@dataclasses.dataclass(frozen=True)
class VersionFolder:
    """One version on disk.

    Attributes:
        number: its version.
        path: its folder.
        identity: differs for a graph that was written again.
    """

    number: int
    path: str
    identity: tuple[int, int]


def find(base: str | os.PathLike) -> list[VersionFolder]:
    """Returns the versions of a folder, the newest first.

    Folders whose name is no number, or that hold no graph, are none.
    """
    found = []
    for entry in pathlib.Path(base).iterdir():
        # int() reads "１" and "1_0" too, which are no versions.
        if not (entry.name.isascii() and entry.name.isdecimal()):
            continue
        try:
            facts = (entry / GRAPH_FILE).stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        # A copy may keep the time of writing, and get a freed inode.
        identity = (facts.st_ino, facts.st_ctime_ns)
        found.append(VersionFolder(int(entry.name), str(entry), identity))
    return sorted(found, key=lambda version: -version.number)


def check(base: str) -> None:
    """Checks that a folder holds a version.

    Raises:
        InputError: if it holds none, saying what it looks like.
    """
    path = pathlib.Path(base)
    expected = "expected a folder of numbered versions, as `export` writes it."
    if not path.is_dir():
        raise errors.InputError(f"There is no folder {base}: {expected}")
    if (path / GRAPH_FILE).is_file():
        raise errors.InputError(
            f"{base} is one version of a model, {expected} Give the folder "
            "above it."
        )
    if not find(path):
        raise errors.InputError(f"{base} holds no version: {expected}")
