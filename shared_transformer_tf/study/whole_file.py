"""Files that are whole or not there, whenever a process is killed."""

import os


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
