"""Named arrays in files with checksums; read without pickle."""

import hashlib
import os
import zipfile

import numpy as np

from shared_transformer_tf.errors import InputError


def write_arrays(path: str, arrays: dict[str, np.ndarray]) -> str:
    """Writes arrays and returns the SHA-256 of the file.

    Raises:
        OSError: if the file cannot be written whole.
    """
    with open(path, "wb") as stream:
        np.savez(stream, **arrays)
        stream.flush()
        os.fsync(stream.fileno())
    return _checksum(path)


def read_arrays(path: str, checksum: str | None) -> dict[str, np.ndarray]:
    """Returns the arrays of a file.

    Raises:
        InputError: if the file is missing or not the one that was written.
    """
    verify(path, checksum)
    try:
        # opened here, for NumPy leaves it open where it is no archive
        with open(path, "rb") as stream:
            with np.load(stream, allow_pickle=False) as arrays:
                return dict(arrays)
    except (zipfile.BadZipFile, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error


def verify(path: str, checksum: str | None) -> None:
    """Compares a file with its checksum.

    Raises:
        InputError: if the file is missing or damaged.
    """
    found = fault(path, checksum)
    if found:
        raise InputError(f"{found}: take another checkpoint.")


def fault(path: str, checksum: str | None) -> str:
    """Returns what is wrong with a file, or ""."""
    if not os.path.exists(path):
        return f"{path} is missing"
    if _checksum(path) != checksum:
        return f"{path} is damaged (its checksum is not the manifest's)"
    return ""


def _checksum(path: str) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
