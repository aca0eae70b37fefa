"""From which checkpoint a training goes on, and with what."""

import keras
from absl import logging

from shared_transformer_tf.config import TrainingConfig
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.training import checkpoints
from shared_transformer_tf.training.progress import TrainingProgress


def newest_sound(directory: str) -> checkpoints.Checkpoint | None:
    """Returns the newest checkpoint that training can go on from.

    Raises:
        InputError: if there are some but all are damaged.
    """
    found = look_for_sound(directory)
    if found is None and checkpoints.folders(directory):
        raise InputError(
            f"Every checkpoint in {directory} that training could go on from "
            "is damaged. Restore one from a copy, or train anew in another "
            "--workdir."
        )
    return found


def look_for_sound(directory: str) -> checkpoints.Checkpoint | None:
    """Returns the newest checkpoint that training can go on from, if any.

    Newer ones that are damaged are passed over with a line in the log.
    """
    for path in reversed(checkpoints.folders(directory)):
        try:
            checkpoint = checkpoints.read_manifest(path)
        except InputError as error:
            logging.warning("Passed over: %s.", error)
            continue
        faults = checkpoints.faults(checkpoint)
        if not faults:
            return checkpoint
        logging.warning("Passed over: %s.", "; ".join(faults))
    return None


def check_text(newest: checkpoints.Checkpoint | None, text: int) -> None:
    """Refuses to go on with other text than a training began with.

    Args:
        newest: that it goes on from.
        text: checksum of training and dev set.

    Raises:
        InputError: if another one is known.
    """
    before = newest and newest.progress.get("text")
    if before and before != text:
        raise InputError(
            "The training or dev text is another than this run began with, so "
            "its batches would be others: bring the files back, or train anew "
            "in another --workdir."
        )


def check_newest(newest: checkpoints.Checkpoint | None, directory: str) -> None:
    """Checks that nobody else went on since a checkpoint was read.

    Raises:
        InputError: if there is another newest one.
    """
    found = look_for_sound(directory)
    if found is None and newest is not None:
        raise InputError(
            f"{newest.name} in {directory}, from which training was to go on, "
            "has gone or is damaged: start it again."
        )
    if found is not None and (newest is None or found.step != newest.step):
        raise InputError(
            f"Another training wrote {found.name} to {directory} while this "
            "one began: start it again."
        )


def is_finished(
    newest: checkpoints.Checkpoint, settings: TrainingConfig
) -> bool:
    """Returns whether a training that got so far has nothing left to do."""
    for done, end in (
        (newest.step, settings.max_steps),
        (newest.progress["tokens"], settings.max_tokens),
    ):
        if end and done >= end:
            return True
    patience = settings.patience
    stopped = patience and newest.progress["without_better"] >= patience
    return bool(newest.progress["finished"] and stopped)


def restore(
    newest: checkpoints.Checkpoint | None, model: keras.Model, text: int = 0
) -> TrainingProgress:
    """Sets a compiled model to a checkpoint, if there is one.

    Args:
        newest: from which a training goes on.
        model: of the same training.
        text: checksum of what it reads, noted from now on.

    Returns:
        How far the training was.

    Raises:
        InputError: if a file is damaged or of another model.
    """
    if newest is None:
        return TrainingProgress(text=text)
    checkpoints.restore(newest, model)
    logging.info("Going on from %s.", newest.name)
    changed = {"finished": False, "text": text}
    return TrainingProgress(**newest.progress | changed)
