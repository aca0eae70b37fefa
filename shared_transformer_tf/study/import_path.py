"""Where the processes that a study starts import this package from."""

import os
import pathlib

import shared_transformer_tf


def import_path() -> str:
    """Returns a PYTHONPATH that has this very package first.

    So a process in whatever folder runs the code that started it, installed
    or not.
    """
    own = pathlib.Path(shared_transformer_tf.__file__).resolve().parents[1]
    others = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join(filter(None, [str(own), others]))
