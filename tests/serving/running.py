"""Servers for tests: in a thread, or as a process of their own."""

import asyncio
import contextlib
import http.client
import json
import os
import pathlib
import re
import subprocess
import sys
import threading

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Address:
    """A server's two interfaces, as clients see them."""

    def __init__(self, rest_port, port):
        self.rest_port = rest_port
        self.port = port

    def http(self, method, path, body=None, headers=None):
        """Returns status, headers and the JSON or text of an answer."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.rest_port, timeout=30
        )
        with contextlib.closing(connection):
            if isinstance(body, dict | list):
                body = json.dumps(body)
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            data = response.read()
            kind = response.headers.get_content_type()
            if kind == "application/json":
                data = json.loads(data, parse_constant=no_constant)
            return response.status, response.headers, data

    def predict(self, body, headers=None, rest=""):
        path = f"/v1/models/translator{rest}:predict"
        status, _, answer = self.http("POST", path, body, headers)
        return status, answer

    @contextlib.contextmanager
    def grpc(self):
        with grpc.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            yield Stubs(channel)


def no_constant(name):
    raise AssertionError(f"{name} in JSON")


class Stubs:
    def __init__(self, channel):
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(
            channel
        )
        self.model = model_service_pb2_grpc.ModelServiceStub(channel)

    def predict(self, inputs, signature="", timeout=30, **spec):
        request = message(inputs, signature, **spec)
        response = self.prediction.Predict(request, timeout=timeout)
        return {k: tf.make_ndarray(v) for k, v in response.outputs.items()}


def message(inputs, signature="", name="translator", version=None):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    for key, value in inputs.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return request


class Threaded(Address):
    """A server in a thread of this process; `call` runs in its loop."""

    def __init__(self, model, **told):
        from shared_transformer_tf.serving import server, settings

        told = {"rest_port": 0, "port": 0, "poll_seconds": 3600.0} | told
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        try:
            told = settings.Settings(str(model), **told)
            self.server = server.Server(told)
            self.call(self.server.start())
        except BaseException:
            self._end()
            raise
        super().__init__(self.server.rest_port, self.server.port)

    def call(self, coroutine):
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result(60)

    def stop(self):
        self.call(self.server.stop())
        self._end()

    def _end(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextlib.contextmanager
def threaded(model, **told):
    running = Threaded(model, **told)
    try:
        yield running
    finally:
        running.stop()


class Process(Address):
    """`bin/serve.py`; its log goes into a file."""

    def __init__(self, model, log, *flags, rest_port=0, port=0):
        command = [sys.executable, "bin/serve.py", f"--model={model}"]
        command += [f"--rest_port={rest_port}", f"--port={port}", *flags]
        self.log = pathlib.Path(log)
        with self.log.open("wb") as stderr:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
            )
        self.ready = self.process.stdout.readline()
        ports = [int(port) for port in re.findall(r":(\d+)\b", self.ready)]
        if len(ports) != 2:
            self.stop()
            raise AssertionError(self.log.read_text())
        super().__init__(*ports)

    def kill(self):
        self.process.kill()
        return self.stop()

    def stop(self):
        """Returns the exit code after SIGTERM."""
        self.process.terminate()
        return self.wait()

    def wait(self):
        """Returns the exit code."""
        code = self.process.wait(60)
        self.process.stdout.close()
        return code

    def events(self):
        """Returns the lines of the log that are ours."""
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@contextlib.contextmanager
def process(model, log, *flags, **ports):
    running = Process(model, log, *flags, **ports)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop()
