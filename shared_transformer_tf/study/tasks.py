"""Translation tasks by name, such as `en-de`."""

import dataclasses
import hashlib
import re

from shared_transformer_tf.config import Config
from shared_transformer_tf.errors import InputError

SPLITS = ("train", "valid", "test")
_DIGITS = 16


@dataclasses.dataclass(frozen=True)
class Task:
    """From one language into another.

    Attributes:
        source: language code, as the files have it.
        target: likewise.
    """

    source: str
    target: str

    @property
    def settings(self) -> dict[str, str]:
        """Value by `section.field`."""
        return {
            "data.source_language": self.source,
            "data.target_language": self.target,
        }


def parse(name: str) -> Task:
    """Returns the task of a name.

    Raises:
        InputError: if it does not name two languages.

    Example:
    >>> parse("en-de")
    Task(source='en', target='de')
    """
    found = re.fullmatch(r"([a-z]{2,3})-([a-z]{2,3})", name)
    if not found or found[1] == found[2]:
        raise InputError(
            f"{name!r} is no task, expected two different language codes such "
            "as en-de."
        )
    return Task(*found.groups())


def check_text(config: Config) -> str:
    """Reads the text of a task's three splits.

    Returns:
        Its hash: the same sentences in the same lines have the same one,
        wherever their files lie.

    Raises:
        InputError: if a file is missing, damaged, or of another length than
            its translation.
    """
    # not before: it imports numpy
    from shared_transformer_tf.data import corpus

    text = hashlib.sha256()
    for split in SPLITS:
        found = corpus.load_split(config.data, split, config.training.seed)
        for lines in (found.source, found.target):
            text.update("\n".join([split, *lines, ""]).encode())
    return text.hexdigest()[:_DIGITS]
