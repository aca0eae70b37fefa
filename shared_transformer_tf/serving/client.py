"""Translates lists of lines with a running server, over gRPC.

Works with any server of TensorFlow Serving's interface.
"""

import concurrent.futures
import itertools
import os
import random
import threading
import time
from collections.abc import Callable, Sequence

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # we report what is lost

import grpc
import tensorflow as tf
from absl import logging
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from shared_transformer_tf import errors
from shared_transformer_tf.serving import call_options

_PASSING = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
)
_TOO_LARGE = "larger than max"  # of gRPC and of TensorFlow Serving's batches
_BATCH_BYTES = 1 << 20
_SHOWN = 40  # characters of a line that is cut
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 3.0
_CHANNEL_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.max_receive_message_length", 64 << 20),
]


class _GivenUp(Exception):
    """Another request has failed: this one is not wanted any more."""


class _TooLarge(Exception):
    """The server takes fewer lines or bytes at once."""

    def __init__(self, status: grpc.RpcError):
        super().__init__(status)
        self.status = status


class Client:
    """Keeps several batches in flight; answers keep the order of the lines.

    A batch that is too large for the server is sent again in halves; of a
    line that is too large by itself the start is translated, with a warning.

    A lost connection, a full queue and a late answer are tried again, with
    growing pauses, until nothing was answered for `patience_seconds`.

    Attributes:
        answered: lines answered so far.

    Args:
        address: `host:port`.
        asked: which signature is called, and how.
        batch_lines: lines in one request.
        in_flight: requests at the same time.
        patience_seconds: without any answer, until it gives up.

    Example:
        Client("127.0.0.1:8500", CallOptions())(["A man rides a bike."])
    """

    def __init__(
        self,
        address: str,
        asked: call_options.CallOptions,
        *,
        batch_lines: int = 16,
        in_flight: int = 4,
        patience_seconds: float = 120.0,
    ):
        self.answered = 0
        self._address = address
        self._asked = asked
        self._batch_lines = batch_lines
        self._patience = patience_seconds
        self._channel = grpc.insecure_channel(address, _CHANNEL_OPTIONS)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(
            self._channel
        )
        self._threads = concurrent.futures.ThreadPoolExecutor(in_flight)
        self._last_answer = time.monotonic()
        self._lock = threading.Lock()
        self._first_error: Exception | None = None
        self._given_up = threading.Event()

    def __call__(self, lines: Sequence[str]) -> list[list[str]]:
        """Returns for each line its translations; [""] for a blank one.

        Raises:
            InputError: if the server refuses, or does not answer in time;
                it says how many lines were answered before.
        """
        places = [i for i, line in enumerate(lines) if line.strip()]
        results = [[""] for _ in lines]
        batches = list(self._batches(lines, places))
        self._last_answer = time.monotonic()
        futures = [
            self._threads.submit(self._answer, [lines[i] for i in batch])
            for batch in batches
        ]
        try:
            for batch, future in zip(batches, futures, strict=True):
                for place, texts in zip(batch, future.result(), strict=True):
                    results[place] = texts
        except _GivenUp:
            # A later batch failed, and was the first to do so.
            self._give_up(futures)
            raise self._first_error from None
        except BaseException:
            self._give_up(futures)
            raise
        self.answered += len(lines)
        return results

    def exported_beams(self) -> int:
        """Returns the beam size that the server's model was exported with.

        Returns:
            The translations that `nbest` gives; 0 if the model does not say.

        Raises:
            InputError: if the server refuses, or does not answer in time.
        """
        request = get_model_metadata_pb2.GetModelMetadataRequest()
        request.model_spec.name = self._asked.name
        request.metadata_field.append("signature_def")
        self._last_answer = time.monotonic()
        try:
            response = self._call(self._stub.GetModelMetadata, request)
        except _TooLarge as error:
            raise self._refused(error.status) from error
        found = get_model_metadata_pb2.SignatureDefMap()
        response.metadata["signature_def"].Unpack(found)
        scores = found.signature_def["nbest"].outputs["scores"].tensor_shape
        return max(0, scores.dim[1].size) if len(scores.dim) == 2 else 0

    def _give_up(self, futures) -> None:
        # Nobody waits for what other threads still have under way.
        self._given_up.set()
        for future in futures:
            future.cancel()
        self._channel.close()

    def _batches(self, lines, places):
        batch: list[int] = []
        size = 0
        for place in places:
            # Longer in characters than in bytes a line cannot be.
            length = len(lines[place].encode("utf-8", "replace"))
            full = len(batch) == self._batch_lines
            if batch and (full or size + length > _BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(place)
            size += length
        if batch:
            yield batch

    def _answer(self, lines: list[str]) -> list[list[str]]:
        """Translates, and keeps the error that comes before all others."""
        try:
            return self._translate(lines)
        except _GivenUp:
            raise
        except Exception as error:
            with self._lock:
                if self._given_up.is_set():  # of which it may be an effect
                    raise _GivenUp from error
                self._first_error = error
                self._given_up.set()
            raise

    def _translate(self, lines: list[str]) -> list[list[str]]:
        try:
            return self._predict(lines)
        except _TooLarge as error:
            half = len(lines) // 2
            if not half:
                return self._translate_start(lines[0], error)
            return self._translate(lines[:half]) + self._translate(lines[half:])

    def _translate_start(self, line: str, error: _TooLarge) -> list[list[str]]:
        length = len(line)
        while length > 1 and _TOO_LARGE in (error.status.details() or ""):
            length //= 2
            try:
                found = self._predict([line[:length]])
            except _TooLarge as again:
                error = again
                continue
            logging.warning(
                "A line of %d characters is too large for %s and was cut to "
                "%d: %r...",
                len(line),
                self._address,
                length,
                line[:_SHOWN],
            )
            return found
        raise self._refused(error.status) from error

    def _predict(self, lines: list[str]) -> list[list[str]]:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = self._asked.name
        request.model_spec.signature_name = self._asked.signature
        texts = [line.encode("utf-8", "replace") for line in lines]
        for name, values in self._asked.inputs(texts).items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
        response = self._call(self._stub.Predict, request)
        outputs = {
            name: tf.make_ndarray(message)
            for name, message in response.outputs.items()
        }
        found = self._asked.texts(outputs)
        if len(found) != len(lines):
            raise errors.InputError(
                f"{self._address} answered {len(lines)} lines with "
                f"{len(found)}: it is no server of translations."
            )
        return found

    def _call(self, method: Callable, request):
        for attempt in itertools.count():
            left = self._last_answer + self._patience - time.monotonic()
            try:
                if self._given_up.is_set():
                    raise _GivenUp
                response = method(request, timeout=max(0.1, left))
                self._last_answer = time.monotonic()
                return response
            except grpc.RpcError as error:
                if self._is_too_large(error):
                    raise _TooLarge(error) from error
                if error.code() not in _PASSING:
                    raise self._refused(error) from error
                left = self._last_answer + self._patience - time.monotonic()
                if left <= 0:
                    raise self._unanswered(error) from error
                if not attempt:
                    logging.warning(
                        "No answer from %s yet (%s): trying for %.0f s.",
                        self._address,
                        error.code().name,
                        left,
                    )
                # Not all at once, when the server is back.
                pause = _FIRST_PAUSE * 2 ** min(attempt, 10)
                pause = min(pause, _LONGEST_PAUSE) * random.uniform(0.5, 1.0)
                self._given_up.wait(min(pause, left))

    def _is_too_large(self, error: grpc.RpcError) -> bool:
        return error.code() == grpc.StatusCode.OUT_OF_RANGE or _TOO_LARGE in (
            error.details() or ""
        )

    def _refused(self, error: grpc.RpcError) -> errors.InputError:
        return errors.InputError(
            f"{self._address} refuses ({error.code().name}): "
            f"{error.details()} {self._so_far()}"
        )

    def _unanswered(self, error: grpc.RpcError) -> errors.InputError:
        return errors.InputError(
            f"No answer from {self._address} for {self._patience:g} seconds "
            f"({error.code().name}: {error.details()}). {self._so_far()}"
        )

    def _so_far(self) -> str:
        return (
            f"The first {self.answered:,} lines were translated; go on from "
            f"line {self.answered + 1:,}."
        )

    def close(self) -> None:
        """Ends the connection."""
        self._threads.shutdown(cancel_futures=True)
        self._channel.close()
