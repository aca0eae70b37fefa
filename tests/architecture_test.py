"""Holds the arrows between rooms and the house rules of files."""

import ast
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "shared_transformer_tf"
NAME = PACKAGE.name

# Room -> rooms that its modules may import, beside its own.
# `__init__` is there before any module of the package.
_BASE = {"__init__", "config", "errors", "sharing"}
ARROWS = {
    "__init__": {"registration"},
    "registration": {"errors"},
    "errors": set(),
    "cpu": set(),
    "devices": {"errors"},
    "extras": {"errors"},
    "file_lock": {"errors"},
    "schedule": {"errors"},
    "picture": {"errors", "schedule"},
    "python_file": {"errors"},
    "sharing": {"errors", "schedule"},
    "validation": {"errors", "schedule", "sharing"},
    "config": {"errors", "schedule", "sharing", "validation"},
    "data": {"config", "errors"},
    "layer_calls": set(),
    "uses": {"layer_calls"},
    "layers": _BASE | {"uses"},
    "training": _BASE | {"cpu", "uses"},
    "models": _BASE | {"layers", "training", "uses"},
    "decoding": {"config", "errors", "validation"},
    "evaluation": {"config", "errors"},
    "export": _BASE
    | {"cpu", "data", "decoding", "evaluation", "extras", "validation"},
    "serving": {"errors"},
    "run_directory": {"config", "errors", "file_lock", "validation"},
    "trained_run": _BASE
    | {"data", "decoding", "models", "run_directory", "training"},
    "dev_set": {"config", "data", "decoding", "evaluation"}
    | {"models", "training"},
    "experiment": _BASE
    | {"data", "models", "run_directory", "validation"}
    | {"dev_set", "devices", "trained_run", "training"},
    "benchmark": _BASE
    | {"cpu", "decoding", "evaluation", "export", "layers", "models", "serving"}
    | {"trained_run", "training"},
    "study": _BASE
    | {"cpu", "data", "evaluation", "experiment", "file_lock", "models"}
    | {"python_file", "run_directory", "trained_run", "training"}
    | {"validation"},
    "cli": _BASE
    | {"cpu", "devices", "extras"}
    | {"benchmark", "data", "decoding", "evaluation", "experiment", "export"}
    | {"python_file", "run_directory", "serving", "study", "trained_run"}
    | {"validation"},
}
# Rooms whose modules are imported before anything slow may start.
LIGHT = (
    "__init__",
    "registration",
    "cpu",
    "errors",
    "python_file",
    "schedule",
    "sharing",
    "validation",
    "config",
    "devices",
    "cli",
)
HEAVY = {"tensorflow", "keras", "keras_nlp", "numpy", "tensorflow_text"}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "common", "misc", "constants"}

MODULES = sorted(PACKAGE.rglob("*.py"))
SOURCES = [
    *MODULES,
    *sorted((ROOT / "bin").glob("*.py")),
    *sorted((ROOT / "configs").glob("*.py")),
    *sorted((ROOT / "tests").rglob("*.py")),
]


def _identity(path):
    return str(path.relative_to(ROOT))


each_module = pytest.mark.parametrize("path", MODULES, ids=_identity)
each_source = pytest.mark.parametrize("path", SOURCES, ids=_identity)


def _room(path):
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def _tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def _imports(nodes):
    """Yields full names, `a.b.c` for `from a.b import c` too."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _functions(tree):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


@each_module
def test_imports_follow_the_arrows(path):
    room = _room(path)
    assert room in ARROWS, f"say in ARROWS what {room} may import"
    for name in _imports(ast.walk(_tree(path))):
        parts = name.split(".")
        if parts[0] == NAME:
            target = parts[1] if len(parts) > 1 else "__init__"
            allowed = ARROWS[room] | {room}
            assert target in allowed, f"{room} must not import {name}"


@each_module
def test_light_modules_do_not_load_tensorflow(path):
    if _room(path) in LIGHT:
        heads = {
            name.split(".")[0]
            for name in _imports(ast.iter_child_nodes(_tree(path)))
        }
        assert not heads & HEAVY


@each_source
def test_files_and_functions_are_short(path):
    num_lines = path.read_text(encoding="utf-8").count("\n")
    assert num_lines <= 300
    for function in _functions(_tree(path)):
        length = function.end_lineno - function.lineno + 1
        assert length <= 60, f"{function.name} has {length} lines"


@each_module
def test_functions_take_at_most_seven_arguments(path):
    for function in _functions(_tree(path)):
        if function.name in ("__init__", "compile"):
            continue
        arguments = function.args
        names = [
            argument.arg
            for argument in arguments.posonlyargs + arguments.args
            if argument.arg not in ("self", "cls")
        ]
        keyword_only = len(arguments.kwonlyargs)
        # Alternative constructors may have more, keyword-only.
        if not any(_is_classmethod(node) for node in function.decorator_list):
            assert len(names) + keyword_only <= 7, function.name


def _is_classmethod(node):
    return isinstance(node, ast.Name) and node.id == "classmethod"


@each_module
def test_public_objects_have_docstrings(path):
    def check(node, name):
        assert ast.get_docstring(node), f"{name} has no docstring"
        for child in ast.iter_child_nodes(node):
            kinds = (ast.ClassDef, ast.FunctionDef)
            if isinstance(child, kinds) and not child.name.startswith("_"):
                if isinstance(node, ast.Module | ast.ClassDef):
                    check(child, f"{name}.{child.name}")

    check(_tree(path), _identity(path))


@each_source
def test_names_say_what_is_inside(path):
    for part in path.relative_to(ROOT).with_suffix("").parts:
        assert not FORBIDDEN_NAMES & set(part.split("_"))


def test_importing_the_package_loads_nothing_slow():
    code = (
        (
            "import sys, shared_transformer_tf as stt;"
            "stt.SharingPlan, stt.Config, stt.InputError;"
            f"print({sorted(HEAVY)!r} & sys.modules.keys())"
        )
        .replace("[", "{")
        .replace("]", "}")
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "set()\n"
