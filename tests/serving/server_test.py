"""The server as a process: signals, ports, the log, a sudden end."""

import json
import os
import shutil
import signal
import socket
import threading
import time

import pytest

from shared_transformer_tf.serving import call_options, client
from tests.serving import running as running_lib


def check_host(process):
    with socket.socket() as other:
        other.settimeout(1)
        with pytest.raises(OSError):
            other.connect(("127.0.0.2", process.rest_port))


def check_log(process):
    assert process.predict({"instances": ["a secret"]})[0] == 200
    with process.grpc() as stubs:
        stubs.predict({"text": ["a secret", "b"]})
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        requests = [x for x in process.events() if x["event"] == "request"]
        if len(requests) >= 2:
            break
    assert [x["api"] for x in requests] == ["rest", "grpc"]
    for rows, facts in enumerate(requests, 1):
        assert facts["signature"] == "serving_default"
        assert facts["code"] == "OK" and facts["milliseconds"] > 0
        assert facts["rows"] == rows
        assert facts["request_id"] and facts["level"] == "info"
    assert "secret" not in process.log.read_text().lower()


def check_stop(process, model):
    """What waits for a batch when the signal comes is answered.

    A version whose load never ends does not keep the server.
    """
    stuck = shutil.copytree(model / "1", model.with_name("stuck"))
    (stuck / "assets.extra").mkdir()
    os.mkfifo(stuck / "assets.extra" / "tf_serving_warmup_requests")
    stuck.rename(model / "2")
    while "LOADING" not in str(process.http("GET", "/v1/models/translator")):
        time.sleep(0.01)
    answers = []

    def ask():
        body = {"signature_name": "echo", "instances": ["held"]}
        answers.append(process.predict(body))

    thread = threading.Thread(target=ask)
    thread.start()
    while b"queue_rows 1.0" not in process.http("GET", "/metrics")[2]:
        time.sleep(0.01)
    process.process.send_signal(signal.SIGINT)
    started = time.monotonic()
    assert process.wait() == 0
    assert time.monotonic() - started < 10
    thread.join()
    assert answers == [(200, {"predictions": ["held"]})]
    last = process.events()[-1]
    assert (last["event"], last["all_ended"]) == ("stopped", False)
    assert json.dumps(["held"]) in process.log.read_text()


def test_a_server_is_killed_under_load_restarted_and_stopped(
    own_model, tmp_path
):
    lines = [f"line {i}" if i % 7 else "" for i in range(2000)]
    expected = [[f"LINE {i}|1"] if i % 7 else [""] for i in range(2000)]
    found = []
    first = running_lib.Process(own_model, tmp_path / "log")
    assert first.ready.startswith("Serving translator version 1: ")
    check_host(first)
    check_log(first)

    def translate():
        options = call_options.CallOptions()
        address = f"127.0.0.1:{first.port}"
        translator = client.Client(address, options, batch_lines=2)
        found.extend(translator(lines))
        translator.close()

    thread = threading.Thread(target=translate)
    thread.start()
    while first.log.read_text().count('"request"') < 20:
        time.sleep(0.01)
    assert first.kill() == -signal.SIGKILL
    assert thread.is_alive()
    ports = {"rest_port": first.rest_port, "port": first.port}
    # The client's four requests fill a batch; what comes alone waits.
    flags = ("--log_texts", "--max_wait_ms=500", "--max_batch_size=8")
    flags += ("--poll_seconds=0.1", "--stop_seconds=2")
    log = tmp_path / "2"
    with running_lib.process(own_model, log, *flags, **ports) as second:
        thread.join(60)
        assert found == expected
        check_stop(second, own_model)
