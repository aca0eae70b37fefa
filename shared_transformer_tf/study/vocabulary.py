"""One vocabulary for all cells of a task, trained once."""

import contextlib
import fcntl
import os
from collections.abc import Iterator

from shared_transformer_tf.config import Config
from shared_transformer_tf.study import search_vocabulary


def prepare(config: Config, directory: str) -> Config:
    """Trains the vocabulary of a task into a folder, if none is there.

    Several processes may ask at once: the first trains it, the others wait.

    Args:
        config: of any cell of the task.
        directory: of the vocabulary.

    Returns:
        The config, naming the vocabulary's file.

    Raises:
        InputError: if the text is missing or too small.
    """
    os.makedirs(os.path.dirname(directory), exist_ok=True)
    with exclusively(f"{directory}.lock"):
        search_vocabulary.prepare(config, directory)
    return search_vocabulary.use(config, directory)


@contextlib.contextmanager
def exclusively(path: str) -> Iterator[None]:
    """Waits until no other process is in here with the same file.

    The lock goes with the process that has it, however that ends.
    """
    with open(path, "w", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
