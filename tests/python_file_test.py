"""Mistakes of files that users write, told in one line."""

import runpy

import pytest

from shared_transformer_tf import python_file
from shared_transformer_tf.errors import InputError


def message_of(path):
    with pytest.raises(InputError) as error:
        with python_file.mistakes_told(path, "The file"):
            runpy.run_path(str(path))["f"]()
    return str(error.value)


def test_the_last_of_its_own_lines_is_named(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(
        "import json\n\ndef g():\n    json.loads('{')\n\ndef f():\n    g()\n"
    )
    message = message_of(path)
    assert message.startswith(f"The file {path} fails with JSONDecodeError: ")
    assert message.endswith("(line 4)")  # neither json's nor that of `f`


def test_a_message_of_several_lines_becomes_one(tmp_path):
    path = tmp_path / "own.py"
    path.write_text("def f():\n    raise ValueError('one\\n  two')\n")
    assert message_of(path).endswith("ValueError: one two (line 2)")


def test_errors_that_name_what_is_wrong_are_passed_on(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(
        "from shared_transformer_tf.errors import InputError\n"
        "def f():\n    raise InputError('as it is')\n"
    )
    assert message_of(path) == "as it is"


def test_a_stop_is_no_mistake(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        with python_file.mistakes_told(tmp_path, "The file"):
            raise KeyboardInterrupt
