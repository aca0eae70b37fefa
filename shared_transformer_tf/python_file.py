"""Python files that a user wrote, run for what they return."""

import contextlib
import os
import traceback
from collections.abc import Iterator

from shared_transformer_tf.errors import InputError


@contextlib.contextmanager
def mistakes_told(path: str | os.PathLike, what: str) -> Iterator[None]:
    """Turns what a file's code raises into one line that names its line.

    Args:
        path: of the file that is run inside.
        what: it is, such as "The study".

    Raises:
        InputError: for any exception raised inside; one of this kind is
            passed on.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename == str(path)
        ]
        place = f" (line {lines[-1]})" if lines else ""
        message = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(
            f"{what} {path} fails with {message}{place}"
        ) from error
