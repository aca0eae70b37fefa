"""Settings that searches found, which some arms of a study are trained with.

A search leaves `search.ARM.json`; until it is there, cells wait for it.
"""

import json
import os
from collections.abc import Mapping
from typing import Any

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study import search_space, settings
from shared_transformer_tf.study.plan import Study

FORMAT = 1


def file_name(arm: str) -> str:
    """Returns what the result of a search for an arm is called."""
    return f"search.{arm}.json"


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
    try:
        with open(path, encoding="utf-8") as stream:
            result = json.load(stream)
    except ValueError as error:
        raise InputError(f"{path} is damaged ({error}): restore it.") from error
    expected = {
        "format": FORMAT,
        "kind": "search",
        "study": study.name,
        "task": study.search_task,
        "arm": arm,
    }
    if not isinstance(result, Mapping):
        result = {}
    for name, value in expected.items():
        if result.get(name) != value:
            raise InputError(
                f"{path} is not of this study: its {name} is "
                f"{result.get(name)!r}, expected {value!r}."
            )
    chosen = result.get("settings")
    if not isinstance(chosen, Mapping) or not chosen:
        raise InputError(f"{path} has no settings: the search found none.")
    for name in chosen:
        if name not in search_space.FIELDS:
            raise InputError(
                f"{path} is of a search over another space: it sets {name}, "
                f"expected some of {', '.join(search_space.FIELDS)}."
            )
    base = settings.changed(study.base, study.arms[arm].settings)
    try:
        settings.changed(base, chosen)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return dict(chosen)
