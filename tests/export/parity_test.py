"""The program that runs an export as servers do."""

import ast
import json
import pathlib
import subprocess
import sys

import pytest

from shared_transformer_tf.export import parity
from tests.export import upper_case


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return upper_case.UpperCase().save(tmp_path_factory.mktemp("exports") / "1")


def call(signature, *lines, **inputs):
    return {"signature": signature, "inputs": {"text": list(lines), **inputs}}


def test_calls_are_answered_in_order_and_may_be_empty(folder):
    calls = [
        call("serving_default", b"b", b"", b"a"),
        call("serving_default"),
        call("nbest", b"\xff\x00 x"),
        call(
            "options",
            b"c",
            beam_size=[1],
            length_penalty=[0.5],
            max_length=[-1],
        ),
    ]
    assert parity.run(folder, calls) == [
        {"translation": [b"B", b"", b"A"]},
        {"translation": []},
        {
            "translations": [[b"\xff\x00 X", b"\xff\x00 x"]],
            "scores": [upper_case.SCORES],
            "counts": [2],
        },
        {"translation": [b"C"], "score": [-1.5], "truncated": [True]},
    ]


def test_only_float_variables_are_counted(folder):
    assert parity.float_bytes(folder) == upper_case.FLOAT_BYTES


def test_it_is_a_program_that_needs_nothing_of_this_package(folder, tmp_path):
    calls = [call("serving_default", b"one", b"\xe2\x82"), call("nbest")]
    done = subprocess.run(
        [sys.executable, "-P", parity.__file__, folder],
        input=json.dumps(parity.to_json(calls)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {
        "answers": [
            {"translation": ["ONE", "\xe2\x82"]},
            {"translations": [], "scores": [], "counts": []},
        ],
        "float_bytes": upper_case.FLOAT_BYTES,
    }


def test_it_imports_tensorflow_and_the_standard_library_alone():
    tree = ast.parse(pathlib.Path(parity.__file__).read_text("utf-8"))
    names = {
        alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert not any(isinstance(x, ast.ImportFrom) for x in ast.walk(tree))
    outside = names - sys.stdlib_module_names
    assert outside == {"tensorflow", "tensorflow_text"}
