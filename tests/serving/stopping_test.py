"""Stopping takes `stop_seconds`, whatever is under way, and little more."""

import concurrent.futures
import contextlib
import http.client
import shutil
import threading
import time

import grpc
import pytest

from tests.serving import running as running_lib
from tests.serving import toy

FOR_EVER = {"turns": [100_000_000]}
TOLD = {"poll_seconds": 0.05, "stop_seconds": 0.3}
AT_ONCE = TOLD | {"stop_seconds": 0.0}
MOST_SECONDS = 5.0  # of a stop, on a busy machine


@pytest.fixture
def stopped(own_model, request):
    """Starts a server; `stop` says what `Server.stop` returned."""
    told = getattr(request, "param", TOLD)
    server = running_lib.Threaded(own_model, **told)

    def stop():
        started = time.monotonic()
        ended = server.call(server.server.stop())
        assert time.monotonic() - started < MOST_SECONDS
        return ended

    yield server, stop
    server._end()


def wait_for(server, state):
    while state not in str(server.http("GET", "/v1/models/translator")):
        time.sleep(0.01)


def test_a_warm_up_is_broken_off(versions, own_model, stopped):
    server, stop = stopped
    shutil.copytree(versions / "2", own_model / "2")
    toy.write_warmup(own_model / "2", [FOR_EVER] * 9, "slow")
    wait_for(server, "LOADING")
    while server.server.manager._warming_up is None:
        time.sleep(0.01)
    time.sleep(0.2)  # within a request
    assert stop()
    assert server.server.manager._load_under_way.done()


def test_a_load_is_not_waited_for(versions, own_model, stopped, monkeypatch):
    server, stop = stopped
    begun, go_on = threading.Event(), threading.Event()

    class Slow:
        closed = False

        def close(self):
            self.closed = True

        def __call__(self, version):
            begun.set()
            assert go_on.wait(60)
            return self

    slow = Slow()
    monkeypatch.setattr(server.server.manager, "_load", slow)
    shutil.copytree(versions / "2", own_model / "2")
    # One that no thread has taken up yet would be called off.
    assert begun.wait(60)
    assert not stop()
    go_on.set()
    load = server.server.manager._load_under_way
    concurrent.futures.wait([load], 60)
    assert slow.closed  # what comes too late is freed


@pytest.mark.parametrize("stopped", [TOLD, AT_ONCE], indirect=True)
def test_an_http_request_that_takes_too_long_is_broken_off(stopped):
    server, stop = stopped
    body = {"signature_name": "slow", "inputs": FOR_EVER}
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        asked = threads.submit(
            server.http, "POST", "/v1/models/translator:predict", body
        )
        while not server.server.manager.current.batcher._running:
            assert not asked.done(), asked.result()
            time.sleep(0.01)
        assert stop()
        with contextlib.suppress(http.client.HTTPException, OSError):
            status, *_ = asked.result(MOST_SECONDS)
            assert status >= 500


def test_a_request_that_takes_too_long_is_broken_off(stopped):
    server, stop = stopped
    with (
        server.grpc() as stubs,
        concurrent.futures.ThreadPoolExecutor(1) as threads,
    ):
        asked = threads.submit(stubs.predict, FOR_EVER, "slow", timeout=100)
        while not server.server.manager.current.batcher._running:
            time.sleep(0.01)
        assert stop()
        with pytest.raises(grpc.RpcError):
            asked.result(MOST_SECONDS)
