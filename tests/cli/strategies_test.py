"""The command trains on replicas and workers as it does on one device."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf.cli import train as train_command
from shared_transformer_tf.training import checkpoints, diagnostics
from tests.training.distributed_test import free_ports

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = """
from tests.small_run import small


def get_config():
    config = small(
        max_steps=8, save_every=4, evaluate_every=4, optimizer="sgd",
        learning_rate=0.05, diagnose_every=4,
    )
    config.model.dropout = 0.0
    return config
"""


def start(folder, workdir, *flags, **environment):
    config = folder / "config.py"
    config.write_text(CONFIG)
    code = "import sys; from shared_transformer_tf.cli import train; "
    return subprocess.Popen(
        [
            *(sys.executable, "-c", f"{code}sys.exit(train.main(sys.argv))"),
            *(f"--config={config}", f"--workdir={workdir}", *flags),
        ],
        cwd=ROOT,
        env=os.environ
        | {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "2"}
        | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(*processes):
    try:
        ends = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [
        (process.returncode, error)
        for process, (_, error) in zip(processes, ends, strict=True)
    ]


def train(folder, workdir, *flags):
    ((code, error),) = finish(start(folder, workdir, *flags))
    assert code == 0, error[-3000:]


def train_by_workers(folder, workdirs, *flags):
    return finish(*start_workers(folder, workdirs, *flags))


def start_workers(folder, workdirs, *flags):
    addresses = [f"localhost:{port}" for port in free_ports(len(workdirs))]
    processes = []
    for index, workdir in enumerate(workdirs):
        task = {"type": "worker", "index": index}
        cluster = {"cluster": {"worker": addresses}, "task": task}
        processes.append(
            start(
                folder,
                workdir,
                "--strategy=multiworker",
                *flags,
                TF_CONFIG=json.dumps(cluster),
            )
        )
    return processes


def outcome(workdir):
    """The last weights, and the records without what tells the time."""
    last = checkpoints.list_checkpoints(str(workdir / "checkpoints"))[-1]
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    told = ("loss", "gradient_norm", "tokens", "bleu")
    return (
        checkpoints.read_weights(last),
        [
            {"step": r["step"]}
            | {f"{r['kind']} {n}": r[n] for n in told if n in r}
            | {
                f"{name} {n}": value
                for name, found in r.get("sublayers", {}).items()
                for n, value in diagnostics.scalars({"": found}).items()
            }
            for r in map(json.loads, lines)
        ],
    )


def assert_alike(ours, theirs):
    for name, value in ours[0].items():
        np.testing.assert_allclose(
            value, theirs[0][name], rtol=1e-4, atol=1e-5, err_msg=name
        )
    assert len(ours[1]) == len(theirs[1])
    for record, other in zip(ours[1], theirs[1], strict=True):
        assert record == pytest.approx(other, rel=1e-4)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    train(folder, folder / "run")
    return folder / "run"


def test_replicas_do_what_one_device_does_which_goes_on(tmp_path, alone):
    run = tmp_path / "run"
    flags = ["--strategy=mirrored", "--num_replicas=2"]
    train(tmp_path, run, "--config.training.max_steps=5", *flags)
    train(tmp_path, run)
    (weights, records), (expected, others) = outcome(run), outcome(alone)
    records, others = (
        [r for r in found if r["step"] in (2, 4, 8)]
        for found in (records, others)
    )
    # of losses, of the uses of each block, and of the dev set, twice
    assert len(others) == 7
    assert_alike((weights, records), (expected, others))


def test_two_workers_do_what_one_device_does(tmp_path, alone):
    run = tmp_path / "run"
    ends = train_by_workers(tmp_path, [run, run])
    assert [code for code, _ in ends] == [0, 0], ends[0][1][-3000:]
    assert_alike(outcome(run), outcome(alone))


def test_workers_save_and_end_together_when_one_is_asked_to(tmp_path):
    run = tmp_path / "run"
    processes = start_workers(
        tmp_path, [run, run], "--config.training.max_steps=4000",
        "--config.training.evaluate_every=4000",
        "--config.training.diagnose_every=0",
    )  # fmt: skip
    try:
        while not any(process.poll() for process in processes):
            saved = checkpoints.list_checkpoints(str(run / "checkpoints"))
            if saved and saved[-1].step >= 20:
                break
            time.sleep(0.05)
        processes[1].send_signal(signal.SIGTERM)
    finally:
        ends = finish(*processes)
    assert [code for code, _ in ends] == [143, 143], ends[1][1][-3000:]
    last = checkpoints.list_checkpoints(str(run / "checkpoints"))[-1]
    for _, error in ends:
        assert f"Stopped after update {last.step}, which is saved" in error
        assert "retracing" not in error
    assert checkpoints.faults(last) == [] and last.step < 4000


def test_workers_that_do_not_see_one_folder_are_told(tmp_path, alone):
    shutil.copytree(alone, tmp_path / "mine")
    (tmp_path / "yours").mkdir()
    workdirs = [tmp_path / "mine", tmp_path / "yours"]
    steps = "--config.training.max_steps=9"
    for code, error in train_by_workers(tmp_path, workdirs, steps):
        assert code == 1
        assert "go on from different updates ([0, 8])" in error
    assert os.listdir(tmp_path / "yours") == []


@pytest.mark.parametrize(
    ("flags", "tf_config", "message"),
    [
        (["--strategy=mirrored"], "", "found no GPU"),
        (["--num_replicas=2"], "", "is for --strategy=mirrored"),
        (["--strategy=multiworker"], "{", "reads TF_CONFIG, which is '{'"),
        (["--strategy=tpu"], "", "--config.data.num_buckets=1"),
        (
            ["--strategy=tpu", "--config.data.num_buckets=1"],
            "",
            "found no TPU",
        ),
    ],
)
def test_devices_that_are_not_there(
    tmp_path, monkeypatch, capsys, flags, tf_config, message
):
    monkeypatch.setenv("TF_CONFIG", tf_config)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    (tmp_path / "config.py").write_text(CONFIG)
    paths = [f"--config={tmp_path}/config.py", f"--workdir={tmp_path}/run"]
    assert train_command.main(["train", *paths, *flags]) == 1
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "run").exists()
