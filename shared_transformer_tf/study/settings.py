"""Configs with some fields set, and without what only one machine knows."""

import copy
from collections.abc import Mapping
from typing import Any

from shared_transformer_tf.config import Config
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study import tasks

# Where files lie on a machine: no part of what a study or a cell is.
_PLACES = (
    "directory",
    *(f"{s}_{side}" for s in tasks.SPLITS for side in ("source", "target")),
    "source_model",
    "target_model",
)


def changed(config: Config, settings: Mapping[str, Any]) -> Config:
    """Returns a checked copy of a config with some fields set.

    Args:
        config: stays as it is.
        settings: value by `section.field`.

    Raises:
        InputError: if a name or the result is not valid.
    """
    copied = copy.deepcopy(config)
    for name, value in settings.items():
        section, _, field = name.partition(".")
        if not hasattr(getattr(copied, section, None), field):
            raise InputError(f"A config has no field {name!r}.")
        setattr(getattr(copied, section), field, value)
    copied.validate()
    return copied


def portable(config: Config) -> Config:
    """Returns a copy of a config that does not say where files lie."""
    copied = copy.deepcopy(config)
    for section in (copied.data, copied.tokenizer):
        for name in _PLACES:
            if hasattr(section, name):
                setattr(section, name, "")
    return copied


def is_place(name: str) -> bool:
    """Returns whether `section.field` says where files lie on a machine."""
    return name.partition(".")[2] in _PLACES
