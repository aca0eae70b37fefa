"""Clients that are too slow lose their connections."""

import json
import socket
import time

from tests.serving import running as running_lib

TOLD = {"client_seconds": 1.0, "max_body_bytes": 16 << 20}
MOST_SECONDS = 20.0  # on a busy machine


def test_a_client_that_does_not_read_its_answer_is_sent_away(model):
    body = {"signature_name": "echo", "instances": ["a" * (12 << 20)]}
    body = json.dumps(body).encode()
    head = b"POST /v1/models/translator:predict HTTP/1.1\r\nHost: x\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n".encode()
    with running_lib.threaded(model, **TOLD) as server, socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(("127.0.0.1", server.rest_port))
        one.sendall(head + body)
        connected = server.server._runner.server
        assert connected.connections
        end = time.monotonic() + MOST_SECONDS
        while connected.connections and time.monotonic() < end:
            time.sleep(0.05)
        assert not connected.connections
        assert server.predict({"instances": ["a"]})[0] == 200
