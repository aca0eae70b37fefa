"""What a cell was trained on, told without text or places: hashes.

Two cells with the same ones had the same vocabulary and the same sentences in
the same lines, wherever their files lie.
"""

import hashlib
import pathlib

from shared_transformer_tf.config import Config
from shared_transformer_tf.run_directory import RunDirectory
from shared_transformer_tf.study import tasks

_DIGITS = 16


def of_run(run: str, config: Config) -> dict[str, str]:
    """Returns the hashes of a run, `vocabulary` and `text`.

    Args:
        run: its directory.
        config: that it was trained with.

    Raises:
        InputError: if its text is missing or damaged.
    """
    vocabulary = hashlib.sha256()
    for path in sorted(pathlib.Path(RunDirectory(run).tokenizer).iterdir()):
        vocabulary.update(path.name.encode() + path.read_bytes())
    return {
        "vocabulary": vocabulary.hexdigest()[:_DIGITS],
        "text": tasks.check_text(config),
    }
