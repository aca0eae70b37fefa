"""The error of a user's mistake, and that ours are told apart from it."""

import ast
import pathlib

import shared_transformer_tf as stt
from shared_transformer_tf import errors

PACKAGE = pathlib.Path(errors.__file__).parent


def test_it_is_a_value_error_and_public():
    assert issubclass(errors.InputError, ValueError)
    assert stt.InputError is errors.InputError


def raised(tree):
    """Yields what is raised with literal text, as pairs of node and text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            literals = [
                part.value
                for argument in node.exc.args
                for part in ast.walk(argument)
                if isinstance(part, ast.Constant)
                and isinstance(part.value, str)
            ]
            if "InputError" in ast.unparse(node.exc.func):
                yield node, "".join(literals)


def test_each_message_is_a_sentence_on_one_line():
    found = 0
    for path in PACKAGE.rglob("*.py"):
        for node, text in raised(ast.parse(path.read_text("utf-8"))):
            where = f"{path.name}:{node.lineno}"
            found += 1
            assert "\n" not in text, f"{where} raises more than one line"
            assert not text or " " in text, f"{where} says no sentence"
    assert found > 40  # else nothing was looked at
