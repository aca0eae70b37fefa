"""Sends odd requests to a server and looks at every answer.

python -m tests.serving.fuzz --requests=10000 --seed=1

Starts a server of the toy model, or takes one that runs: --rest=HOST:PORT
--grpc=HOST:PORT, at 127.0.0.1 only. Prints counts as JSON; exit code 1 if an
answer is not a proper one, shows text of another request, or the server does
not answer as before afterwards.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import http.client
import json
import pathlib
import re
import socket
import sys
import tempfile

import grpc

from tests.serving import odd_requests, running, toy

_STATUSES = {200, 400, 404, 405, 408, 413, 414, 415, 429, 503, 504}
_CODES = {
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "OUT_OF_RANGE",
    "RESOURCE_EXHAUSTED",
    "UNAVAILABLE",
    "DEADLINE_EXCEEDED",
}
_TOKEN = re.compile(r"tok\d+x\d+en", re.IGNORECASE)
_PREDICT = "/tensorflow.serving.PredictionService/Predict"


class Worker:
    """One client that sends request after request.

    Args:
        address: of the server.
        seed: of all clients.
        number: of this one.
    """

    def __init__(self, address, seed, number):
        self._address = address
        self._seed = seed
        self._number = number
        self._held = []
        self.counts = collections.Counter()
        self.wrong = []

    def run(self, requests):
        """Sends requests; nothing is raised for a bad answer."""
        with (
            grpc.insecure_channel(f"127.0.0.1:{self._address.port}") as channel,
            contextlib.ExitStack() as self._stack,
        ):
            for turn in range(requests):
                token = f"tok{self._number}x{turn}en"
                seed = f"{self._seed} {self._number} {turn}"
                odd = odd_requests.OddRequests(seed, token)
                if turn % 20 == 19:
                    self._half_sent(odd, turn)
                elif turn % 2:
                    self._grpc(channel, odd, token, raw=turn % 10 == 1)
                else:
                    self._rest(odd, token)
        return self

    def _note(self, what, proper, token, answer):
        self.counts[what] += 1
        foreign = {x.lower() for x in _TOKEN.findall(answer)} - {token}
        if not proper or foreign:
            self.wrong.append(
                f"{token}: {what} {sorted(foreign)} {answer:.200}"
            )

    def _rest(self, odd, token):
        method, path, body, headers = odd.rest()
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._address.rest_port, timeout=60
        )
        with contextlib.closing(connection):
            try:
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                answer = response.read().decode()
            except (ConnectionError, http.client.HTTPException) as error:
                # It may hang up on a body that is too large, no more.
                proper = len(body) > 1_000_000
                self._note("rest hung up", proper, token, repr(error))
                return
            status = response.status
            proper = status in _STATUSES
            if response.headers.get_content_type() == "application/json":
                if method != "HEAD":
                    content = json.loads(
                        answer, parse_constant=running.no_constant
                    )
                    proper &= (status == 200) != ("error" in content)
            elif path.startswith("/v1") and status != 400:
                proper = False
            self._note(f"rest {status}", proper, token, answer)

    def _grpc(self, channel, odd, token, raw):
        request = odd.grpc().SerializeToString()
        if raw:  # damaged on its way
            place = len(request) // 2
            request = request[:place] + b"\xff" + request[place + 1 :]
        call = channel.unary_unary(_PREDICT)
        try:
            answer = call(request, timeout=60).decode("latin-1")
            self._note("grpc OK", True, token, answer)
        except grpc.RpcError as error:
            code = error.code().name
            proper = code in _CODES
            self._note(f"grpc {code}", proper, token, error.details())

    def _half_sent(self, odd, turn):
        body = odd.body()
        head = (
            "POST /v1/models/translator:predict HTTP/1.1\r\nHost: x\r\n"
            f"Content-Length: {len(body) + 10}\r\n\r\n"
        )
        sent = head.encode() + body
        client = socket.create_connection(
            ("127.0.0.1", self._address.rest_port), timeout=60
        )
        client.sendall(sent[: max(1, (turn * 37) % len(sent))])
        if turn % 40 == 39 or len(self._held) > 20:
            client.close()
        else:
            self._held.append(self._stack.enter_context(client))
        self.counts["half sent"] += 1


def fuzz(address, requests, seed, clients=4):
    """Sends `requests` requests.

    Returns:
        The counts by answer, and a list of what was wrong.
    """
    counts = collections.Counter()
    wrong = []
    with concurrent.futures.ThreadPoolExecutor(clients) as threads:
        share = -(-requests // clients)
        workers = [Worker(address, seed, i) for i in range(clients)]
        for done in threads.map(lambda worker: worker.run(share), workers):
            counts += done.counts
            wrong += done.wrong
    status, _, _ = address.http("GET", "/healthz")
    if status != 200:
        wrong.append(f"afterwards /healthz says {status}")
    status, answer = address.predict({"instances": ["still here"]})
    if status != 200:
        wrong.append(f"afterwards it answers {status} {answer}")
    return counts, wrong


def main():
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rest", help="127.0.0.1:PORT")
    parser.add_argument("--grpc", help="127.0.0.1:PORT")
    told = parser.parse_args()
    if bool(told.rest) != bool(told.grpc):
        parser.error("give both or none of --rest and --grpc")
    with contextlib.ExitStack() as stack:
        if told.rest:
            hosts, ports = zip(
                *(x.rsplit(":", 1) for x in (told.rest, told.grpc)), strict=True
            )
            if set(hosts) != {"127.0.0.1"}:
                parser.error("only a server at 127.0.0.1 is tried")
            address = running.Address(*map(int, ports))
        else:
            folder = pathlib.Path(
                stack.enter_context(tempfile.TemporaryDirectory())
            )
            toy.write(folder / "model" / "1")
            address = stack.enter_context(
                running.process(
                    folder / "model", folder / "log", "--client_seconds=3"
                )
            )
        counts, wrong = fuzz(address, told.requests, told.seed)
        if not told.rest:
            if address.stop() != 0:
                wrong.append("the server did not end with code 0")
            bugs = [x for x in address.events() if x["event"] == "bug"]
            wrong += [json.dumps(bug) for bug in bugs]
    print(json.dumps({"counts": dict(sorted(counts.items())), "wrong": wrong}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
