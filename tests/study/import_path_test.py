"""Processes of a study run the package that started them."""

import os
import subprocess
import sys

import shared_transformer_tf
from shared_transformer_tf.study.import_path import import_path


def test_another_folder_finds_this_package_before_others(tmp_path, monkeypatch):
    other = tmp_path / "other"
    (other / "shared_transformer_tf").mkdir(parents=True)
    (other / "shared_transformer_tf" / "__init__.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(other))
    found = subprocess.run(
        # without what is installed: -S leaves out site-packages
        [
            sys.executable, "-S", "-c",
            "import shared_transformer_tf as it; print(it.__file__)",
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": import_path()},
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    assert found.stdout.strip() == shared_transformer_tf.__file__


def test_paths_that_were_there_are_kept(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "mine")
    assert import_path().split(os.pathsep)[1:] == ["mine"]
    monkeypatch.delenv("PYTHONPATH")
    assert len(import_path().split(os.pathsep)) == 1
