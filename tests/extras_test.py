"""What is missing is named, and how to get it."""

import pathlib
import tomllib

import pytest

from shared_transformer_tf import errors, extras

ROOT = pathlib.Path(__file__).resolve().parents[1]


def test_missing_packages_are_named(monkeypatch):
    extras.require("serving")
    monkeypatch.setitem(extras.MODULES, "onnx", ("json", "nowhere", "gone"))
    with pytest.raises(errors.InputError, match=r"\(nowhere, gone\).*\[onnx\]"):
        extras.require("onnx")


def test_each_is_an_extra_of_the_package():
    with open(ROOT / "pyproject.toml", "rb") as file:
        offered = tomllib.load(file)["project"]["optional-dependencies"]
    assert set(extras.MODULES) <= set(offered)
