"""TensorFlow Serving's HTTP interface, as its clients use it."""

import base64
import http.client
import json
import socket
import time

import pytest

from tests.serving import running as running_lib


def test_row_form(running):
    body = {"instances": ["one", "", "two"]}
    assert running.predict(body) == (
        200,
        {"predictions": ["ONE|1", "", "TWO|1"]},
    )
    rows = [{"text": "one"}]
    assert running.predict({"instances": rows}, rest="/versions/1") == (
        200,
        {"predictions": ["ONE|1"]},
    )


def test_row_form_of_several_inputs_and_outputs(running):
    row = {"beam_size": 4, "length_penalty": 0.5, "max_length": 2}
    body = {
        "signature_name": "options",
        "instances": [row | {"text": "abc"}, row | {"text": "x"}],
    }
    status, answer = running.predict(body)
    assert status == 200
    assert answer["predictions"] == [
        {"score": -0.5, "translation": "ABC|1~4", "truncated": True},
        {"score": -0.5, "translation": "X|1~4", "truncated": False},
    ]


def test_column_form(running):
    assert running.predict({"inputs": ["one"]}) == (200, {"outputs": ["ONE|1"]})
    body = {"signature_name": "nbest", "inputs": {"text": ["one", "a"]}}
    status, answer = running.predict(body)
    assert status == 200
    assert answer["outputs"]["counts"] == [3, 2]
    assert answer["outputs"]["translations"][1] == ["A|1", "A|1#1", ""]
    assert answer["outputs"]["scores"][1] == [0.0, -0.5, -1e9]


def test_no_rows_have_no_answers(running):
    for form, key in (("instances", "predictions"), ("inputs", "outputs")):
        assert running.predict({form: []}) == (200, {key: []})
    columns = {"whole": [], "parts": [], "flag": []}
    body = {"signature_name": "numbers", "inputs": columns}
    assert running.predict(body)[1]["outputs"] == {"total": [], "twice": []}


def test_signature_without_batch(running):
    body = {"signature_name": "scalar", "inputs": 1.5}
    assert running.predict(body) == (200, {"outputs": 3.0})
    status, answer = running.predict(
        {"signature_name": "scalar", "instances": [1.5]}
    )
    assert status == 400 and 'use "inputs"' in answer["error"]


def test_bytes_that_are_no_text_go_both_ways(running):
    data = {"b64": base64.b64encode(b"\xff\x00\xfe").decode()}
    body = {"signature_name": "echo", "instances": [data, "\u00e9\x00"]}
    assert running.predict(body) == (
        200,
        {"predictions": [data, "\u00e9\x00"]},
    )


def test_what_json_cannot_hold_is_null(running):
    columns = {"whole": [[1, 2]], "parts": [[0.5]], "flag": [False]}
    body = {"signature_name": "numbers", "inputs": columns}
    status, answer = running.predict(body)
    assert status == 200 and answer["outputs"]["total"] == [None]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b'{"instances": [NaN]}', "not JSON"),
        (b"[" * 100_000, "deeply"),
        (b'{"instances": ' + b"[" * 900 + b"]" * 900 + b"}", "deeply"),
        ([], "a JSON object"),
        ({}, "Give one of"),
        ({"instances": ["a"], "inputs": ["a"]}, "Give one of"),
        ({"instances": ["a"], "more": 1}, "'more' is unknown"),
        ({"instances": "a"}, "must be a list"),
        ({"instances": [["a"]]}, "shape [1, 1]"),
        ({"instances": ["a", ["b"]]}, "differ in length"),
        ({"instances": ["a", {"text": "b"}]}, "Either all or none"),
        ({"instances": [{"txt": "b"}]}, "'text' is missing"),
        ({"inputs": {"text": ["a"], "b": 1}}, "'b' is unknown"),
        ({"instances": [1]}, "holds int, expected string"),
        ({"instances": [None]}, "NoneType"),
        ({"instances": ["\ud800"]}, "surrogate"),
        ({"instances": [{"b64": "%"}]}, "base64"),
        ({"instances": ["a"], "signature_name": "no"}, "no signature 'no'"),
        ({"instances": ["a"], "signature_name": 3}, "must be text"),
        ({"instances": ["a"], "signature_name": "options"}, "several inputs"),
    ],
)
def test_wrong_bodies_are_told_why(running, body, message):
    status, answer = running.predict(body)
    assert status == 400
    assert message in answer["error"] and "\n" not in answer["error"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("whole", [[1.5, 2]]),
        ("whole", [[True, 2]]),
        ("whole", [[2**63, 2]]),
        ("whole", [[1, 2, 3]]),
        ("parts", [[1e39]]),
        ("parts", [["1"]]),
        ("parts", [[10**400]]),
        ("flag", [1]),
        ("flag", [True, True]),
    ],
)
def test_wrong_numbers_are_refused(running, column, value):
    columns = {"whole": [[1, 2]], "parts": [[0.5]], "flag": [True]}
    columns |= {column: value}
    body = {"signature_name": "numbers", "inputs": columns}
    status, answer = running.predict(body)
    assert status == 400 and ("expected" in answer["error"]) != (
        column == "flag" and len(value) == 2
    )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("POST", "/v1/models/other:predict", 404),
        ("POST", "/v1/models/translator/versions/7:predict", 404),
        ("POST", "/v1/models/translator/versions/x:predict", 400),
        ("POST", "/v1/models/translator/versions/-1:predict", 400),
        ("GET", "/v1/models/translator:predict", 405),
        ("POST", "/v1/models/translator:classify", 404),
        ("GET", "/v1/models/other", 404),
        ("GET", "/v1/models/translator/versions/9", 404),
        ("GET", "/v1/models/translator/versions/9/metadata", 404),
        ("DELETE", "/", 405),
    ],
)
def test_wrong_addresses_have_a_status(running, method, path, status):
    body = {"instances": ["a"]} if method == "POST" else None
    came, headers, answer = running.http(method, path, body)
    assert came == status
    assert list(answer) == ["error"] and answer["error"]
    assert (status == 405) == ("Allow" in headers)


def test_status_and_metadata(running):
    for path in ("", "/versions/1"):
        _, _, answer = running.http("GET", f"/v1/models/translator{path}")
        (state,) = answer["model_version_status"]
        assert (state["version"], state["state"]) == ("1", "AVAILABLE")
        assert state["status"]["error_code"] == "OK"
    path = "/v1/models/translator/metadata"
    _, _, answer = running.http("GET", path)
    assert answer["model_spec"]["version"] == "1"
    definitions = answer["metadata"]["signature_def"]["signature_def"]
    text = definitions["nbest"]["inputs"]["text"]
    assert text["dtype"] == "DT_STRING"
    assert text["tensor_shape"]["dim"][0]["size"] == "-1"


def test_health_names_what_is_served(running):
    status, _, answer = running.http("GET", "/healthz")
    assert status == 200 and answer["version"] == 1
    assert "nbest" in answer["signatures"]


def test_metrics_count(running):
    def number(line):
        _, _, data = running.http("GET", "/metrics")
        found = [
            float(row.split()[-1])
            for row in data.decode().splitlines()
            if row.startswith(line + " ")
        ]
        return found[0] if found else 0.0

    bad = 'translation_requests_total{api="rest",code="INVALID_ARGUMENT"'
    bad += ',signature=""}'
    before = number(bad)
    running.predict({"instances": [], "signature_name": "made up"})
    assert number(bad) == before + 1
    assert number("translation_model_version") == 1
    assert number("translation_queue_rows") == 0
    running.predict({"signature_name": "echo", "instances": ["a", "b"]})
    assert number('translation_batch_rows_sum{signature="echo"}') >= 2


def test_request_ids_are_kept_or_made(running):
    path = "/v1/models/translator:predict"
    body = {"instances": ["a"]}
    for given, kept in (("my-id.7", True), ("two words", False)):
        headers = {"X-Request-Id": given}
        _, headers, _ = running.http("POST", path, body, headers)
        assert (headers["X-Request-Id"] == given) == kept
        assert headers["X-Request-Id"]


def test_deadlines(running):
    slow = {"signature_name": "slow", "inputs": [10_000_000]}
    started = time.monotonic()
    status, answer = running.predict(slow, {"X-Timeout-Seconds": "0.2"})
    assert status == 504 and "time" in answer["error"]
    assert time.monotonic() - started < 5
    for wrong in ("soon", "-1", "nan", "inf"):
        headers = {"X-Timeout-Seconds": wrong}
        status, answer = running.predict({"instances": ["a"]}, headers)
        assert status == 400 and wrong in answer["error"]


def test_a_failing_neighbour_harms_nobody_and_shows_nothing(model):
    bodies = [["1.5"], ["secret one"], ["2.5"], ["secret two"]]
    with running_lib.threaded(model, max_wait_ms=300.0) as server:
        connections = []
        for texts in bodies:
            connection = http.client.HTTPConnection(
                "127.0.0.1", server.rest_port, timeout=30
            )
            body = {"signature_name": "parse", "instances": texts}
            connection.request(
                "POST", "/v1/models/translator:predict", json.dumps(body)
            )
            connections.append(connection)
        answers = []
        for connection in connections:
            response = connection.getresponse()
            answers.append((response.status, json.loads(response.read())))
            connection.close()
    assert answers[0] == (200, {"predictions": [1.5]})
    assert answers[2] == (200, {"predictions": [2.5]})
    assert [status for status, _ in answers] == [200, 400, 200, 400]
    assert "secret one" in answers[1][1]["error"]
    assert "secret two" not in answers[1][1]["error"]


def test_too_large_bodies_and_requests_are_refused(running):
    body = json.dumps({"instances": ["a" * (5 << 20)]})
    status, answer = running.predict(body)
    assert status == 413 and "larger" in answer["error"]
    status, answer = running.predict({"instances": ["a"] * 2000})
    assert status == 413 and "at most 1024" in answer["error"]


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /v1/models/translator:predict HTTP/1.1\r\nHost: x\r\nConte",
        b"POST /v1/models/translator:predict HTTP/1.1\r\nHost: x\r\n"
        b'Content-Length: 100\r\n\r\n{"instances": ',
    ],
)
def test_slow_clients_are_sent_away(model, sent):
    with running_lib.threaded(model, client_seconds=0.3) as server:
        address = ("127.0.0.1", server.rest_port)
        with socket.create_connection(address, timeout=10) as client:
            client.sendall(sent)
            answer = b""
            while data := client.recv(1000):  # until the server hangs up
                answer += data
        if sent.endswith(b": "):
            assert answer.startswith(b"HTTP/1.1 408")
        assert server.predict({"instances": ["a"]})[0] == 200


def test_page_is_locked_down(running):
    for path, kind in (("/", "text/html"), ("/page.js", "text/javascript")):
        status, headers, _ = running.http("GET", path)
        assert status == 200
        assert headers.get_content_type() == kind
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
    for path in ("/", "/page.js", "/page.css"):
        _, _, data = running.http("GET", path)
        assert b"http://" not in data and b"https://" not in data
        assert b"innerHTML" not in data
