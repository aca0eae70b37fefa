"""The numbered versions of an export: `<output>/1`, `<output>/2`, ..."""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator

from shared_transformer_tf import errors

_UNFINISHED = ".unfinished-"
# The file that tells a version's form.
FORMS = {
    "saved_model.pb": "saved_model",
    "model.bin": "ctranslate2",
    "model.onnx": "onnx",
}


class Draft:
    """The next version while it is written.

    Attributes:
        path: a folder that does not exist yet: the version goes there.
        version: the version's folder, `<output>/<next number>`, set when it
            is there.
    """

    def __init__(self, path: str):
        self.path = path
        self.version = ""


@contextlib.contextmanager
def next_version(
    output: str | os.PathLike, form_of_version: str
) -> Iterator[Draft]:
    """Gives the folder to write the next version into, then renames it.

    After an exception nothing is left, not even an `output` that was made.

    Args:
        output: a folder of numbered versions; made if missing.
        form_of_version: see `FORMS`.

    Yields:
        The draft. It becomes `<output>/<next number>` at the end.

    Raises:
        InputError: as `check_output`.
    """
    output = pathlib.Path(output)
    check_output(output, form_of_version)
    made = [
        folder for folder in (output, *output.parents) if not folder.exists()
    ]
    output.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as undo:
        for folder in reversed(made):  # undone from the innermost outwards
            undo.callback(folder.rmdir)
        with tempfile.TemporaryDirectory(
            dir=output, prefix=_UNFINISHED
        ) as unfinished:
            draft = Draft(os.path.join(unfinished, "version"))
            yield draft
            version = output / str(max(numbers(output), default=0) + 1)
            os.rename(draft.path, version)
            draft.version = str(version)
        undo.pop_all()  # it is there now


def numbers(output: pathlib.Path) -> list[int]:
    """Returns the version numbers that a folder holds."""
    return [int(x.name) for x in output.iterdir() if x.name.isdecimal()]


def newest(path: str | os.PathLike) -> str:
    """Returns a version's folder.

    Args:
        path: such a folder, or the folder of versions: the highest number
            that holds an exported model is taken.

    Raises:
        InputError: if there is none.
    """
    path = pathlib.Path(path)
    if _form(path):
        return str(path)
    found = [
        entry
        for entry in (path.iterdir() if path.is_dir() else ())
        if entry.name.isdecimal() and _form(entry)
    ]
    if not found:
        raise errors.InputError(
            f"{path} holds no exported model, expected a folder with one of "
            f"{', '.join(FORMS)}, or with numbered versions of it: give what "
            "`export` wrote."
        )
    return str(max(found, key=lambda entry: int(entry.name)))


def form(folder: str | os.PathLike) -> str:
    """Returns the form of a version that `newest` gave; see `FORMS`."""
    return _form(pathlib.Path(folder))


def _form(folder: pathlib.Path) -> str:
    for file, name in FORMS.items():
        if (folder / file).is_file():
            return name
    return ""


def check_output(output: str | os.PathLike, form_of_version: str) -> None:
    """Checks that versions of a form may be written into a folder.

    Whoever reads the folder takes its highest number, and knows one form.

    Raises:
        InputError: if it holds anything but numbered versions of that form.
    """
    output = pathlib.Path(output)
    if not output.exists():
        return
    if not output.is_dir():
        raise errors.InputError(
            f"{output} is a file; give a folder for the exported versions."
        )
    foreign = sorted(
        entry.name
        for entry in output.iterdir()
        if not (entry.name.isdecimal() and entry.is_dir())
        and not entry.name.startswith(_UNFINISHED)
    )
    if foreign:
        raise errors.InputError(
            f"{output} holds {foreign[0]!r}, expected nothing but folders of "
            "numbered versions: give a new or empty folder."
        )
    for entry in output.iterdir():
        found = _form(entry)
        if entry.name.isdecimal() and found not in ("", form_of_version):
            raise errors.InputError(
                f"{entry} is of the form {found}, not {form_of_version}: give "
                "each form a folder of its own."
            )
