"""The folder of numbered versions that a server looks into."""

import dataclasses
import os
import pathlib
from collections.abc import Callable

from shared_transformer_tf import errors

GRAPH_FILE = "saved_model.pb"

LARGEST = 2**63 - 1  # number that TensorFlow Serving's messages hold

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


def find(
    base: str | os.PathLike, ignore: Callable[[str], None] = lambda path: None
) -> list[VersionFolder]:
    """Returns the versions of a folder, the newest first.

    Folders whose name is no number, or that hold no graph, are none.

    Args:
        base: the folder.
        ignore: told each version whose number is above `LARGEST`.
    """
    found = []
    for entry in pathlib.Path(base).iterdir():
        # int() reads "１" and "1_0" too, which are no versions.
        if not (entry.name.isascii() and entry.name.isdecimal()):
            continue
        if not (entry / GRAPH_FILE).is_file():
            continue
        if int(entry.name) > LARGEST:
            ignore(str(entry))
        else:
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
    ignored: list[str] = []
    if not find(path, ignored.append):
        if ignored:
            expected = f"{ignored[0]} has a number above {LARGEST}: rename it."
        raise errors.InputError(f"{base} holds no version: {expected}")
