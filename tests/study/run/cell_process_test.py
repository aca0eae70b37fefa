"""A cell's process is started with what its training needs."""

import json
import subprocess
import sys

import pytest

from shared_transformer_tf import cpu
from shared_transformer_tf.study.run.cell_process import CellProcess

TELL = """
import json, os, sys
sys.stdin.readline()
json.dump(dict(os.environ), sys.stdout)
"""


@pytest.mark.parametrize(("given", "there"), [(None, "true"), ("false",) * 2])
def test_the_memory_of_tensors_is_kept_unless_the_user_says_no(
    monkeypatch, tmp_path, given, there
):
    (tmp_path / "told.py").write_text(TELL)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    name = "TF_CPU_ALLOCATOR_USE_BFC"
    monkeypatch.delenv(name, raising=False)
    if given:
        monkeypatch.setenv(name, given)
    cell = CellProcess("told", {}, None, subprocess.PIPE, sys.stderr)
    with cell.stdout as stream:
        told = json.load(stream)
    assert cell.wait() == 0
    assert told[name] == there
    limit = "TF_CPU_BFC_MEM_LIMIT_IN_MB"
    assert told[limit] == cpu.kept_memory()[limit]
