"""A wrong wish for devices is told before anything slow begins."""

import json
import subprocess
import sys

import pytest

from shared_transformer_tf import devices
from shared_transformer_tf.errors import InputError

CLUSTER = {"worker": ["a:1", "b:1"]}


def cluster(**task):
    return json.dumps({"cluster": CLUSTER, "task": task})


@pytest.mark.parametrize(
    ("arguments", "tf_config", "message"),
    [
        (("all", 0, 1), "", "is unknown. Valid: none, mirrored"),
        (("none", 2, 1), "", "--num_replicas is for --strategy=mirrored"),
        (("mirrored", -1, 1), "", "--num_replicas=-1 is negative"),
        (("multiworker", 0, 1), "", "reads TF_CONFIG, which is ''"),
        (("multiworker", 0, 1), cluster(type="worker", index=2), "TF_CONFIG"),
        (("multiworker", 0, 1), cluster(type="ps", index=0), "TF_CONFIG"),
        (("tpu", 0, 8), "", "num_buckets=1"),
    ],
)
def test_what_cannot_be_is_refused(arguments, tf_config, message, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", tf_config)
    with pytest.raises(InputError, match=message):
        devices.check(*arguments)


def test_what_may_be_passes(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", cluster(type="worker", index=1))
    passed = []
    for name in devices.STRATEGIES:
        devices.check(name, 2 if name == "mirrored" else 0, 1)
        passed.append(name)
    assert passed == ["none", "mirrored", "multiworker", "tpu"]


@pytest.mark.parametrize("flag", ["--num_replicas=2", "--strategy=multiworker"])
def test_the_command_refuses_before_tensorflow_is_loaded(tmp_path, flag):
    code = (
        "import sys; from shared_transformer_tf.cli import train;"
        f"code = train.main(['train', '--workdir={tmp_path}/run', {flag!r}]);"
        "sys.exit(9 if 'tensorflow' in sys.modules else code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"TF_CONFIG": "", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1
