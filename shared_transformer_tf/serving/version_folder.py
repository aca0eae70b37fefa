"""The folder of numbered versions that a server looks into."""

import dataclasses
import os
import pathlib

from shared_transformer_tf import errors

GRAPH_FILE = "saved_model.pb"

# Path, bytes and time of the last change of each file.
Files = frozenset[tuple[str, int, int]]


@dataclasses.dataclass(frozen=True)
class VersionFolder:
    """One version on disk.

    Attributes:
        number: its version.
        path: its folder.
    """

    number: int
    path: str

    def files(self) -> Files:
        """Returns its files as they are now; equal if none was changed."""
        found = set()
        for folder, _, names in os.walk(self.path):
            for name in names:
                path = os.path.join(folder, name)
                try:
                    facts = os.stat(path)
                except FileNotFoundError:  # gone meanwhile
                    continue
                # A copy may keep the time of writing, not that of change.
                found.add((path, facts.st_size, facts.st_ctime_ns))
        return frozenset(found)


def find(base: str | os.PathLike) -> list[VersionFolder]:
    """Returns the versions of a folder, the newest first.

    Folders whose name is no number, or that hold no graph, are none.
    """
    found = []
    for entry in pathlib.Path(base).iterdir():
        # int() reads "１" and "1_0" too, which are no versions.
        if not (entry.name.isascii() and entry.name.isdecimal()):
            continue
        if (entry / GRAPH_FILE).is_file():
            found.append(VersionFolder(int(entry.name), str(entry)))
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
