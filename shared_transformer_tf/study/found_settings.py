"""Settings that searches found, which some arms of a study are trained with.

A search leaves `search.ARM.json`; until it is there, cells wait for it.
"""

import os
import shlex
from collections.abc import Mapping
from typing import Any

from shared_transformer_tf.config import Config
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study import settings, whole_file
from shared_transformer_tf.study.plan import Study
from shared_transformer_tf.study.search import space as space_lib
from shared_transformer_tf.study.search.settings import OBJECTIVES, ORACLES

FORMAT = 1


def file_name(arm: str) -> str:
    """Returns what the result of a search for an arm is called."""
    return f"search.{arm}.json"


def command(study: Study, arm: str, folder: str) -> str:
    """Returns the command that searches for an arm.

    Args:
        study: of the arm.
        arm: one of the study's `searches`.
        folder: where the result is expected.
    """
    changes = {
        **study.task_config(study.search_task),
        **study.arm(arm).settings,
        "training.diagnose_every": 0,
    }
    fields = {"fields": ",".join(study.search_fields)}
    options = {
        "config": study.flag,
        **{f"config.{name}": value for name, value in changes.items()},
        "workdir": f"DIR/{arm}",
        "budget_tokens": study.search_tokens,
        "trials": study.search_trials,
        **(fields if study.search_fields else {}),
        "study": study.name,
        "task": study.search_task,
        "arm": arm,
        **({"strategy": study.strategy} if study.strategy != "none" else {}),
        "output": os.path.join(folder, file_name(arm)),
    }
    flags = (f"--{name}={value}" for name, value in options.items())
    return shlex.join(["python", "bin/tune.py", *flags])


def read(folder: str, study: Study) -> dict[str, dict[str, Any]]:
    """Returns what was found, by the arm that was searched for.

    Searches that have left no file yet are not in it.

    Raises:
        InputError: if a file is damaged, or of another study or space.
    """
    found = {}
    for arm in study.searches:
        path = os.path.join(folder, file_name(arm))
        if os.path.exists(path):
            found[arm] = _read(path, arm, study)
    return found


def _read(path: str, arm: str, study: Study) -> dict[str, Any]:
    result = whole_file.read_json(path, "restore it")
    expected = {
        "format": FORMAT,
        "kind": "search",
        "study": study.name,
        "task": study.search_task,
        "arm": arm,
        "budget_tokens": study.search_tokens,
        # those of the command that `command` returns
        "objective": OBJECTIVES[0],
        "oracle": ORACLES[0],
    }
    if not isinstance(result, Mapping):
        result = {}
    for name, value in expected.items():
        if result.get(name) != value:
            raise InputError(
                f"{path} is not of this study: its {name} is "
                f"{result.get(name)!r}, expected {value!r}."
            )
    _check_space(path, result, arm, study)
    _check_config(path, result, arm, study)
    chosen = result.get("settings")
    if not isinstance(chosen, Mapping) or not chosen:
        raise InputError(f"{path} has no settings: the search found none.")
    for name in chosen:
        if name not in result["space"]:
            raise InputError(
                f"{path} sets {name}, which its search did not vary."
            )
    try:
        settings.changed(study.search_base(arm), chosen)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return dict(chosen)


def _check_config(
    path: str, result: Mapping[str, Any], arm: str, study: Study
) -> None:
    """Files of earlier searches tell no config, or lack its newer fields."""
    if "config" not in result:
        return
    try:
        came = Config.from_dict(result["config"]).to_dict()
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    expected = settings.portable(study.search_base(arm)).to_dict()
    for section, fields in expected.items():
        for name, value in fields.items():
            # does not change what is trained
            if name != "diagnose_every" and came[section][name] != value:
                raise InputError(
                    f"{path} is of a search on another config: {section}."
                    f"{name} is {came[section][name]!r}, expected {value!r}."
                )


def _check_space(
    path: str, result: Mapping[str, Any], arm: str, study: Study
) -> None:
    space = space_lib.make_space(
        study.search_base(arm), study.search_fields, study.search_tokens
    ).to_dict()
    came = result.get("space")
    if came != space:
        came = came if isinstance(came, Mapping) else {}
        differing = [
            f"{name} over {came.get(name, 'nothing')}, expected "
            f"{space.get(name, 'nothing')}"
            for name in {**came, **space}
            if came.get(name) != space.get(name)
        ]
        raise InputError(
            f"{path} is of a search over another space: "
            f"{'; '.join(differing) or 'it does not say which'}."
        )
    trials = len(result.get("trials", []))
    if trials < study.search_trials:
        raise InputError(
            f"{path} has {trials} trials, expected {study.search_trials}: let "
            "the search end. If it has, there is nothing else to try: ask "
            "for fewer search_trials."
        )
