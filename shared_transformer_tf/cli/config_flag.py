"""The flag `--config=FILE.py|NAME` and `--config.section.field=value`.

A config file has a function `get_config()` that returns a `Config`. A name
stands for a config shipped in `configs/`.
"""

import dataclasses
import difflib
import pathlib
import re
import runpy
import typing
from collections.abc import Sequence

from absl import flags
from ml_collections import config_flags

from shared_transformer_tf import config as config_lib
from shared_transformer_tf import errors, python_file

NAME = "config"
_OVERRIDE = re.compile(r"--?(?:no)?config\.([^=]*)(=.*)?", re.DOTALL)
_TEXT_FILES = [
    f"{split}_{side}"
    for split in ("train", "valid", "test")
    for side in ("source", "target")
]
_PACKAGE = pathlib.Path(__file__).resolve().parents[1]
# Installed inside the package; at the top of a checkout.
_FOLDERS = (_PACKAGE / "configs", _PACKAGE.parent / "configs")


def define(
    values: flags.FlagValues, argv: Sequence[str], default: str
) -> list[str]:
    """Defines the flag.

    Args:
        values: where the flag is defined.
        argv: the program's name and its arguments.
        default: the config where `argv` names none.

    Returns:
        `argv` with one `--config=` before every override, the order that
        ml_collections wants: parse this.

    Raises:
        InputError: if an override names no field.
    """
    ordered, unset = _ordered(list(argv), default)
    config_flags.DEFINE_config_dataclass(
        NAME,
        config_lib.Config(),
        "A config file, or the name of a shipped config: "
        f"{', '.join(shipped_names())}. Unset: {default}.",
        flag_values=values,
        sys_argv=ordered,
        parse_fn=lambda name: _unset(load(name), unset),
    )
    return ordered


def load(name: str) -> config_lib.Config:
    """Returns the config of a file or of a shipped name.

    Raises:
        InputError: if there is none, or if its code fails.
    """
    path = find(name)
    with python_file.mistakes_told(path, "The config file"):
        module = runpy.run_path(str(path))
        if "get_config" not in module:
            raise errors.InputError(
                f"{path} has no function get_config() that returns a Config."
            )
        config = module["get_config"]()
    if not isinstance(config, config_lib.Config):
        raise errors.InputError(
            f"get_config() of {path} returns {type(config).__name__}, expected"
            " a shared_transformer_tf.Config."
        )
    for path_name in _assigned(config):
        _check_field(path_name, f" in {path}")
    return config


def check_text_is_read(values: flags.FlagValues) -> None:
    """Refuses flags of text files beside another corpus.

    A config that names files may be used with it all the same.

    Raises:
        InputError: naming such a flag.
    """
    data = values[NAME].value.data
    names = ["directory", *_TEXT_FILES]
    for name in (f"{NAME}.data.{name}" for name in names):
        if data.corpus != "text" and name in values and values[name].present:
            raise errors.InputError(
                f"--{name} is set, but data.corpus={data.corpus!r} reads no "
                f"files: add --{NAME}.data.corpus=text."
            )


def shipped_names() -> list[str]:
    """Returns the names of the configs that come with the package."""
    return sorted(
        {
            path.stem
            for folder in _FOLDERS
            for path in folder.glob("*.py")
            if not path.stem.startswith("_")
        }
    )


def describe() -> str:
    """Returns one line per field: its flag, default and choices."""
    lines = []
    for section in dataclasses.fields(config_lib.Config):
        for field in dataclasses.fields(section.default_factory):
            choices = field.metadata.get("choices")
            lines.append(
                f"  --config.{section.name}.{field.name}={field.default}"
                + (f"  ({', '.join(map(str, choices))})" if choices else "")
            )
    return "\n".join(lines)


def _ordered(argv: list[str], default: str) -> tuple[list[str], list[str]]:
    """`argv` with the config first, and the fields that it sets to none."""
    chosen, rest, unset, position = default, [], [], 1
    while position < len(argv):
        argument = argv[position]
        if argument == "--":
            rest += argv[position:]
            break
        if re.fullmatch(r"--?config", argument):
            position += 1
            chosen = argv[position] if position < len(argv) else ""
        elif match := re.match(r"--?config=", argument):
            chosen = argument[match.end() :]
        else:
            match = _OVERRIDE.fullmatch(argument)
            if match:
                _check_field(match.group(1))
            if match and _sets_none(*match.groups()):
                name = match.group(1)
                earlier = re.compile(rf"--?(no)?config\.{re.escape(name)}(=|$)")
                rest = [a for a in rest if not earlier.match(a)]
                unset.append(name)
            else:
                rest.append(argument)
        position += 1
    return [*argv[:1], f"--{NAME}={chosen}", *rest], unset


def _sets_none(field: str, value: str | None) -> bool:
    """ml_collections reads `none` as no number, of whatever type."""
    if value is None or value.lower() != "=none":
        return False
    section, name = field.split(".")
    types = typing.get_type_hints(config_lib.Config)[section]
    admitted = typing.get_args(typing.get_type_hints(types)[name])
    return type(None) in admitted and str not in admitted


def _unset(config: config_lib.Config, names: list[str]) -> config_lib.Config:
    for name in names:
        section, field = name.split(".")
        setattr(getattr(config, section), field, None)
    return config


def find(name: str) -> pathlib.Path:
    """Returns the file of a config or study: itself, or a shipped name.

    Raises:
        InputError: if there is none.
    """
    if name.endswith(".py") or "/" in name:
        path = pathlib.Path(name)
        if path.is_file():
            return path
        problem = f"There is no file {name}. Give another"
    else:
        for folder in _FOLDERS:
            if (folder / f"{name}.py").is_file():
                return folder / f"{name}.py"
        problem = f"There is no config {name!r}. Give a file ending in .py"
    raise errors.InputError(
        f"{problem}, or one of {', '.join(shipped_names())}."
    )


def _assigned(config: config_lib.Config) -> list[str]:
    """The dotted names of all attributes; a typing slip makes a new one."""
    sections = {field.name for field in dataclasses.fields(config)}
    names = [name for name in vars(config) if name not in sections]
    for section in sections:
        names += [
            f"{section}.{name}" for name in vars(getattr(config, section))
        ]
    return names


def _check_field(name: str, where: str = "") -> None:
    fields = {
        f"{section.name}.{field.name}"
        for section in dataclasses.fields(config_lib.Config)
        for field in dataclasses.fields(section.default_factory)
    }
    if name in fields:
        return
    section = name.split(".")[0] + "."
    valid = sorted(f for f in fields if f.startswith(section))
    if not valid:
        valid = sorted({f.split(".")[0] for f in fields})
        shown = f"Sections: {', '.join(valid)}"
    else:
        shown = f"Fields of {section[:-1]}: "
        shown += ", ".join(f.removeprefix(section) for f in valid)
    close = difflib.get_close_matches(name, fields, n=1, cutoff=0.7)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise errors.InputError(
        f"Unknown config field {name!r}{where}.{hint} {shown}."
    )
