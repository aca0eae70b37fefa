"""Two workers, each a process with half of the batch, are one with all."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def free_ports(number):
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("localhost", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


TOLERANCES = {"float32": 1e-5, "mixed_float16": 0.005}


@pytest.fixture(scope="module")
def found():
    """What each of two workers says, by the dtype."""
    workers = [f"localhost:{port}" for port in free_ports(2)]
    processes = []
    for index in range(2):
        task = {"type": "worker", "index": index}
        cluster = {"cluster": {"worker": workers}, "task": task}
        environment = {
            "CUDA_VISIBLE_DEVICES": "",
            "TF_CONFIG": json.dumps(cluster),
        }
        processes.append(
            subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.training.one_worker"),
                    *TOLERANCES,
                ],
                cwd=ROOT,
                env=os.environ | environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    try:
        ends = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (_, error) in zip(processes, ends, strict=True):
        assert process.returncode == 0, error[-3000:]
    return [json.loads(output) for output, _ in ends]


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_two_workers_are_one_of_twice_the_batch(found, dtype):
    tolerance = TOLERANCES[dtype]
    first, second = (of_worker[dtype] for of_worker in found)
    assert first["sum"] == second["sum"]
    assert first["gradients"] <= tolerance
    for log, alone in zip(first["logs"], first["logs_alone"], strict=True):
        assert log == pytest.approx(alone, rel=max(tolerance, 1e-5))
    assert len(first["logs"]) == 3


def test_a_worker_that_does_not_train_yet_ends_by_a_signal():
    cluster = {"worker": [f"localhost:{free_ports(1)[0]}"]}
    task = {"type": "worker", "index": 0}
    code = (
        "import os, signal, time\n"
        "from shared_transformer_tf.training import strategies\n"
        "strategies.make_strategy('multiworker')\n"
        "print('made', flush=True)\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "time.sleep(1)\n"
        "print('still there')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ
        | {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.stdout == "made\n", ended.stderr[-3000:]
    assert ended.returncode == -signal.SIGTERM
