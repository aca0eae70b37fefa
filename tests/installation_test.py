"""What pip installs works outside the checkout: commands and configs."""

import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SCRIPTS = (
    ".ci/run bin/install bin/quickstart bin/test bin/test_page peers/install"
)


def setuptools_version():
    return tuple(map(int, metadata.version("setuptools").split(".")[:2]))


def copy_tree(folder):
    """Copies what an installation reads, so that none of it is written to."""
    for name in ("shared_transformer_tf", "configs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("setup.py", "LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    if setuptools_version() < (77, 0):  # knows no licence by its name yet
        project = folder / "pyproject.toml"
        text = re.sub(r"(?m)^license.*\n", "", project.read_text("utf-8"))
        project.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Installs without a network, with the setuptools that is there."""
    if importlib.util.find_spec("pip") is None:
        pytest.skip("this Python has no pip")
    if importlib.util.find_spec("setuptools") is None or (
        setuptools_version() < (70, 1)
        and importlib.util.find_spec("wheel") is None
    ):
        pytest.skip("to build, setuptools from 70.1 on or wheel is wanted")
    checkout = tmp_path_factory.mktemp("checkout")
    copy_tree(checkout)
    target = tmp_path_factory.mktemp("installed") / "packages"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        + ["--no-build-isolation", "--no-index", "--disable-pip-version-check"]
        + [f"--target={target}", str(checkout)],
        check=True,
    )
    shutil.rmtree(checkout)
    return target


def run(installed, folder, *command):
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("MULTI30K_DIR", "KERAS_BACKEND")
    }
    return subprocess.run(
        command,
        cwd=folder,
        env=environment | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_installed_copy_is_imported_and_has_the_version(
    installed, tmp_path
):
    code = (
        "import shared_transformer_tf as stt; from importlib import metadata\n"
        "print(stt.__file__, stt.__version__)\n"
        "print(metadata.version('shared-transformer-tf'))\n"
    )
    done = run(installed, tmp_path, sys.executable, "-c", code)
    file, version, recorded = done.stdout.split()
    assert pathlib.Path(file).parent == installed / "shared_transformer_tf"
    assert version == recorded


def test_every_module_and_config_is_installed_and_no_test(installed):
    package = installed / "shared_transformer_tf"
    for name, folder in (
        ("shared_transformer_tf", package),
        ("configs", package / "configs"),
    ):
        for path in (ROOT / name).rglob("*.py"):
            assert (folder / path.relative_to(ROOT / name)).is_file(), path
    page = {path.name for path in (package / "serving" / "page").iterdir()}
    assert page == {"index.html", "page.css", "page.js"}
    assert {x.name for x in installed.iterdir() if x.suffix == ""} == {
        "bin",
        "shared_transformer_tf",
    }


@pytest.mark.parametrize("name", sorted(PROJECT["scripts"]))
def test_every_command_answers(name, installed, tmp_path):
    command = str(installed / "bin" / name)
    done = run(installed, tmp_path, command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    own = {"stt-serve": "model", "stt-prepare": "output"}
    flag = own.get(name, "workdir")
    assert "Flags:" in done.stdout and f"--{flag}\n" in done.stdout
    done = run(installed, tmp_path, command, f"--{flag[:2]}{flag[3:]}=x")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and f"--{flag}" in done.stderr


def test_shipped_configs_are_found_and_train(installed, tmp_path):
    flags = ["data.numbers_train=400", "data.numbers_valid=8"]
    flags += ["training.max_steps=2", "training.deterministic=false"]
    done = run(
        installed,
        tmp_path,
        str(installed / "bin" / "stt-train"),
        "--config=numbers",
        "--workdir=run",
        *(f"--config.{flag}" for flag in flags),
    )
    assert done.returncode == 0, done.stderr
    assert "Trained 2 updates" in done.stderr
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["tokenizer"]["vocabulary_size"] == 200  # of configs/numbers
    done = run(
        installed,
        tmp_path,
        str(installed / "bin" / "stt-train"),
        "--config=nonsense",
        "--workdir=run",
    )
    assert (
        "multi30k, multi30k_published, multi30k_shared, numbers, study_multi30k"
        in done.stderr
    )


@pytest.mark.parametrize("name", SCRIPTS.split())
def test_scripts_work_in_their_checkout_whatever_cdpath_is(name, tmp_path):
    checkout = tmp_path / "checkout"
    for root in ("checkout", "elsewhere"):
        for folder in (".ci", "bin", "peers"):
            (tmp_path / root / folder).mkdir(parents=True)
    head, cd, rest = (ROOT / name).read_text("utf-8").partition("\ncd ")
    cd += rest.split("\n")[0]
    (checkout / name).write_text(f"{head}{cd}\npwd\n", encoding="utf-8")
    done = subprocess.run(
        ["bash", name],
        cwd=checkout,
        env=os.environ | {"CDPATH": str(tmp_path / "elsewhere")},
        capture_output=True,
        text=True,
        check=True,
    )
    at = checkout / "peers" if name == "peers/install" else checkout
    assert done.stdout == f"{at}\n"
