"""What is looked at before a study trains anything."""

import json
import os
from collections.abc import Sequence

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.run_directory import RunDirectory, check_can_be_made
from shared_transformer_tf.study import tasks, whole_file
from shared_transformer_tf.study import vocabulary as vocabulary_lib
from shared_transformer_tf.study.cells import Cell
from shared_transformer_tf.study.plan import Study
from shared_transformer_tf.study.run.cell_process import Order, StudyFolder
from shared_transformer_tf.study.selection import Selection, State


def check(selection: Selection, order: Order) -> State:
    """Checks folders, results, text and runs of the cells asked for.

    Returns:
        Which cells are done, ready, and waiting for a search.

    Raises:
        InputError: in one line, if the working folder or the results are of
            another study, no folders or not to be written in, text is
            missing or another than that of results, a config is not valid, or
            a run was begun with other settings.
    """
    study = selection.study
    for flag, path in (
        ("--workdir", order.folder.path),
        ("--results", order.results),
    ):
        if os.path.exists(path) and not os.path.isdir(path):
            raise InputError(f"{flag}={path} is a file, not a folder.")
    check_can_be_made(order.folder.path, "--workdir")
    _check_owner(order.folder, study)
    state = selection.state(order.results, order.found)
    pending = [*state.ready, *state.waiting]
    if pending:
        check_can_be_made(order.results, "--results")
        _check_text(study, order, pending)
    for cell in state.ready:
        run = RunDirectory(order.folder.run(cell))
        config = study.config(cell, order.found)
        if run.exists:
            vocabulary = order.folder.vocabulary(cell.task)
            run.check_config(vocabulary_lib.use_in(run, config, vocabulary))
        else:
            run.check_new()
    return state


def _check_text(study: Study, order: Order, pending: Sequence[Cell]) -> None:
    """Text is there, and is that of the results that its task has."""
    # of all cells, whichever were asked for
    done = Selection(study).state(order.results, order.found).done
    hashes = {
        (cell.task, cell.seed): (cell.name, result["fingerprints"]["text"])
        for cell, result in done.items()
        if result.get("fingerprints", {}).get("text")
    }
    found = {arm: order.found.get(arm, {}) for arm in study.searches}
    firsts = {(cell.task, cell.seed): cell for cell in reversed(pending)}
    for cell in firsts.values():
        text = tasks.check_text(study.config(cell, found))
        name, expected = hashes.get((cell.task, cell.seed), ("", text))
        if text != expected:
            raise InputError(
                f"{cell.name} would be trained on another text than {name} "
                f"was (hashes {text}, {expected}), so their scores could not "
                "be compared. Name the text of then, or other folders with "
                "--workdir and --results."
            )


def sign(folder: StudyFolder, study: Study) -> None:
    """Leaves the study's name in a folder, for other studies to see.

    Raises:
        InputError: if another one has done so.
    """
    _check_owner(folder, study)
    whole_file.write(folder.owner, _signature(study))


def _check_owner(folder: StudyFolder, study: Study) -> None:
    if not os.path.exists(folder.owner):
        return
    with open(folder.owner, encoding="utf-8") as stream:
        found = stream.read()
    if found != _signature(study):
        raise InputError(
            f"--workdir={folder.path} is that of another study or of other "
            f"settings ({found:.80}): name another folder."
        )


def _signature(study: Study) -> str:
    return json.dumps({"study": study.name, "fingerprint": study.fingerprint})
