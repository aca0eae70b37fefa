"""Clients that come at a bad time are told to come back."""

import concurrent.futures
import time

import grpc
import pytest

from shared_transformer_tf.serving import refusal
from tests.serving import running as running_lib

SLOW = {"signature_name": "slow", "inputs": [100_000_000]}
SECONDS = {"X-Timeout-Seconds": "3"}


def test_every_code_is_one_of_grpc():
    for code in refusal.HTTP_STATUS:
        assert hasattr(grpc.StatusCode, code)
    assert refusal.Refusal("NOT_FOUND", "x").http_status == 404


def test_a_full_queue_says_try_later_by_both_ways(model):
    told = {"max_queue_rows": 1, "threads": 1, "max_wait_ms": 0.0}
    path = "/v1/models/translator:predict"
    with (
        running_lib.threaded(model, **told) as server,
        concurrent.futures.ThreadPoolExecutor(2) as threads,
    ):
        runs = threads.submit(server.predict, SLOW, SECONDS)
        while (
            b'batch_rows_count{signature="slow"} 1.0'
            not in (server.http("GET", "/metrics")[2])
        ):
            time.sleep(0.01)
        waits = threads.submit(server.predict, SLOW, SECONDS)
        while b"queue_rows 1.0" not in server.http("GET", "/metrics")[2]:
            time.sleep(0.01)
        body = {"instances": ["a"]}
        status, headers, answer = server.http("POST", path, body)
        assert (status, headers["Retry-After"]) == (429, "1")
        assert "try again later" in answer["error"]
        with server.grpc() as stubs, pytest.raises(grpc.RpcError) as caught:
            stubs.predict({"text": ["a"]})
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        # Both are given up at their deadlines, and the server goes on.
        assert runs.result()[0] == waits.result()[0] == 504
        assert server.predict(body) == (200, {"predictions": ["A|1"]})


def test_a_stopping_server_is_not_healthy_and_says_try_later(model):
    with running_lib.threaded(model) as server:
        server.server._service.stopping = True
        for method, path, body in (
            ("GET", "/healthz", None),
            ("POST", "/v1/models/translator:predict", {"instances": ["a"]}),
        ):
            status, headers, answer = server.http(method, path, body)
            assert (status, headers["Retry-After"]) == (503, "1")
            assert "stopping" in answer["error"]
        with server.grpc() as stubs, pytest.raises(grpc.RpcError) as caught:
            stubs.predict({"text": ["a"]})
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
