"""Clients that are too slow lose their connections."""

import contextlib
import json
import socket
import time

from tests.serving import running as running_lib

TOLD = {"client_seconds": 1.0, "max_body_bytes": 16 << 20}
MOST_SECONDS = 20.0  # on a busy machine
CHARACTERS = 12 << 20


@contextlib.contextmanager
def asked(server):
    """A client that asked for a large answer and has read nothing of it."""
    body = {"signature_name": "echo", "instances": ["a" * CHARACTERS]}
    body = json.dumps(body).encode()
    head = b"POST /v1/models/translator:predict HTTP/1.1\r\nHost: x\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n".encode()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(MOST_SECONDS)
        client.connect(("127.0.0.1", server.rest_port))
        client.sendall(head + body)
        yield client


def test_a_client_that_does_not_read_its_answer_is_sent_away(model):
    with running_lib.threaded(model, **TOLD) as server, asked(server):
        connected = server.server._runner.server
        assert connected.connections
        end = time.monotonic() + MOST_SECONDS
        while connected.connections and time.monotonic() < end:
            time.sleep(0.05)
        assert not connected.connections
        assert server.predict({"instances": ["a"]})[0] == 200


def test_a_client_that_reads_its_answer_slowly_gets_all_of_it(model):
    told = TOLD | {"client_seconds": 2.0}
    with (
        running_lib.threaded(model, **told) as server,
        asked(server) as client,
    ):
        start = time.monotonic()
        answer = bytearray()
        while b"}" not in answer[-4:] and (data := client.recv(1 << 18)):
            answer += data
            # As much in a second whatever one read brings.
            due = start + 5.0 * len(answer) / CHARACTERS
            time.sleep(max(0.0, due - time.monotonic()))
        assert time.monotonic() - start > 2 * told["client_seconds"]
    head, _, body = bytes(answer).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert json.loads(body) == {"predictions": ["a" * CHARACTERS]}
