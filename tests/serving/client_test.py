"""Lines go to a server in batches and come back in order."""

import contextlib
import socket
import threading
import time

import pytest
import tensorflow as tf

from shared_transformer_tf import errors
from shared_transformer_tf.serving import call_options, client
from tests.serving import running as running_lib


@contextlib.contextmanager
def connected(port, batch_lines=3, patience_seconds=30.0, **asked):
    translator = client.Client(
        f"127.0.0.1:{port}",
        call_options.CallOptions(**asked),
        batch_lines=batch_lines,
        patience_seconds=patience_seconds,
    )
    try:
        yield translator
    finally:
        translator.close()


def unused_port():
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return tried.getsockname()[1]


def test_order_and_blank_lines_are_kept(running):
    lines = [f"{i}" * (i % 5) for i in range(100)] + ["", " \t", "\u3000"]
    with connected(running.port) as translate:
        found = translate(lines)
        assert found == [[f"{x}|1"] if x.strip() else [""] for x in lines]
        assert translate([]) == []
        assert translate.answered == len(lines)


def test_num_best_gives_those_that_exist(running):
    with connected(running.port, num_best=3) as translate:
        assert translate(["abc", "", "a"]) == [
            ["ABC|1", "ABC|1#1", "ABC|1#2"],
            [""],
            ["A|1", "A|1#1"],
        ]
    with connected(running.port, num_best=2) as translate:
        assert translate(["abc"]) == [["ABC|1", "ABC|1#1"]]
    with connected(running.port, num_best=4) as translate:
        with pytest.raises(errors.InputError, match="gives 3 at most"):
            translate(["abc"])


def test_options_are_handed_on(running):
    asked = {"beam_size": 7, "length_penalty": 0.5}
    with connected(running.port, **asked) as translate:
        assert translate(["a", ""]) == [["A|1~7"], [""]]


def test_a_server_that_comes_late_is_waited_for(model, caplog):
    port = unused_port()
    found = []
    with connected(port) as translate:
        thread = threading.Thread(
            target=lambda: found.append(translate(["a", "b"]))
        )
        thread.start()
        time.sleep(0.5)
        with running_lib.threaded(model, port=port):
            thread.join(30)
    assert found == [[["A|1"], ["B|1"]]]
    assert caplog.text.count(f":{port} yet (UNAVAILABLE): trying for") == 1


def test_a_full_queue_is_waited_for(model):
    told = {"max_queue_rows": 3, "max_batch_size": 1, "threads": 1}
    lines = [f"{i} words" for i in range(200)]
    with running_lib.threaded(model, **told) as server:
        with connected(server.port) as translate:
            assert translate(lines) == [[f"{i} WORDS|1"] for i in range(200)]
        _, _, metrics = server.http("GET", "/metrics")
    assert b'code="RESOURCE_EXHAUSTED"' in metrics


@pytest.mark.parametrize(
    "told", [{"max_queue_rows": 3}, {"max_body_bytes": 1024}]
)
def test_a_batch_that_is_too_large_is_sent_in_halves(model, told):
    lines = [f"{i} " + "x" * 100 for i in range(32)]
    with running_lib.threaded(model, **told) as server:
        with connected(server.port, batch_lines=16) as translate:
            found = translate(lines)
            assert found == [[f"{line.upper()}|1"] for line in lines]


@pytest.mark.parametrize("num_best", [1, 3])
def test_a_line_that_is_too_large_is_cut(model, num_best, monkeypatch):
    """Of several translations, the answer alone may be too large."""
    warnings = []
    monkeypatch.setattr(
        client.logging, "warning", lambda form, *x: warnings.append(form % x)
    )
    lines = ["a", "\u20ac" * 1000, "", "b"]
    with running_lib.threaded(model, max_body_bytes=1024) as server:
        with connected(server.port, num_best=num_best) as translate:
            first, long, blank, last = (found[0] for found in translate(lines))
    assert (first, blank, last) == ("A|1", "", "B|1")
    kept = long.removesuffix("|1")
    assert kept == "\u20ac" * {1: 250, 3: 62}[num_best]
    (warning,) = warnings
    assert "A line of 1000 characters" in warning
    assert f"was cut to {len(kept)}: '\u20ac" in warning


def test_a_server_that_takes_no_line_refuses(monkeypatch):
    asked = []

    def too_large(self, lines):
        asked.append(lines)
        raise client._TooLarge(Status())

    class Status:
        def code(self):
            return client.grpc.StatusCode.OUT_OF_RANGE

        def details(self):
            return "A row is larger than max 0."

    monkeypatch.setattr(client.Client, "_predict", too_large)
    with connected(unused_port()) as translate:
        with pytest.raises(errors.InputError, match="larger than max 0"):
            translate(["abcd"])
    assert asked == [["abcd"], ["ab"], ["a"]]


def test_no_answer_is_one_line_that_says_how_far_it_came(model):
    with running_lib.threaded(model) as server:
        translate = client.Client(
            f"127.0.0.1:{server.port}",
            call_options.CallOptions(),
            patience_seconds=0.5,
        )
        translate(["a"] * 1234)
    with pytest.raises(errors.InputError) as caught:
        translate(["b"])
    translate.close()
    message = str(caught.value)
    assert "No answer" in message and "for 0.5 seconds" in message
    assert "first 1,234 lines" in message and "line 1,235" in message
    assert "\n" not in message


class LastToFail:
    """Holds one line's request back until another has failed."""

    def __init__(self, translate, last):
        self._stub = translate._stub
        self._given_up = translate._given_up
        self._last = last

    def Predict(self, request, timeout):
        (text,) = tf.make_ndarray(request.inputs["text"])
        if text == self._last:
            assert self._given_up.wait(30)
        return self._stub.Predict(request, timeout=timeout)


def test_the_first_error_is_told_whichever_batch_it_was(model):
    lines = [str(number) for number in range(12)]
    with running_lib.threaded(model) as server:
        port = server.port
        told = {"batch_lines": 1, "patience_seconds": 0.4}
        with contextlib.ExitStack() as stack:
            clients = [
                stack.enter_context(connected(port, **told)) for _ in range(4)
            ]
            for translate in clients:
                assert len(translate(lines)) == 12
            server.call(server.server._grpc.stop(0))
            for number, translate in enumerate(clients):
                last = str(number).encode()
                translate._stub = LastToFail(translate, last)
                with pytest.raises(errors.InputError) as caught:
                    translate(lines)
                message = str(caught.value)
                assert f"No answer from 127.0.0.1:{port}" in message
                assert "first 12 lines" in message and "line 13." in message


def test_a_refusal_is_not_tried_again(running):
    started = time.monotonic()
    with connected(running.port, name="other") as translate:
        with pytest.raises(errors.InputError, match="'other'"):
            translate(["a"])
    assert time.monotonic() - started < 5


def test_what_does_not_go_together_is_refused():
    for asked in (
        {"beam_size": 3},
        {"length_penalty": 1.0},
        {"beam_size": 3, "length_penalty": 1.0, "num_best": 2},
    ):
        with pytest.raises(errors.InputError, match="--"):
            call_options.CallOptions(**asked)
