"""Files that one process at a time holds.

A lock goes with the process that has it, however that ends.
"""

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from typing import IO

from absl import logging

from shared_transformer_tf.errors import InputError

_POLL_SECONDS = 0.1
_WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


def take(stream: IO) -> bool:
    """Takes the lock of an open file; returns whether it was free.

    On a file system without locks every file is free, with a warning.
    """
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise
        logging.warning(
            "%s cannot be locked (%s): see to it yourself that nothing else "
            "writes there.",
            stream.name,
            error.strerror,
        )
    return True


@contextlib.contextmanager
def held(path: str, refusal: str) -> Iterator[None]:
    """Holds a file, which is made with its folder.

    Args:
        path: the file; what is in it stays.
        refusal: what is said where another process holds it.

    Raises:
        InputError: if another one does.
    """
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "ab") as stream:
        if not take(stream):
            raise InputError(refusal)
        yield


@contextlib.contextmanager
def waited_for(path: str) -> Iterator[None]:
    """Waits until no other process holds a file, and holds it."""
    with open(path, "ab") as stream:
        while not take(stream):
            time.sleep(_POLL_SECONDS)
        yield
