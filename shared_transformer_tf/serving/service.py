"""What HTTP and gRPC have in common: find, check, run, count, log."""

import asyncio
import contextlib
import dataclasses
import re
import time
import uuid
from collections.abc import Iterator, Mapping

import numpy as np

from shared_transformer_tf.serving import (
    refusal,
    settings,
    signature,
    structured_log,
)
from shared_transformer_tf.serving.metrics import Metrics
from shared_transformer_tf.serving.version_manager import (
    Served,
    VersionManager,
)

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


@dataclasses.dataclass
class Call:
    """What is known of a request.

    Attributes:
        api: `rest` or `grpc`.
        request_id: the client's own, or made up.
        signature: "" until it is known to exist.
        rows: of its inputs.
        code: how it ended, the name of a gRPC status.
        texts: what was sent, for a log that shows texts.
    """

    api: str
    request_id: str
    signature: str = ""
    rows: int = 0
    code: str = "OK"
    texts: list[str] | None = None


class Service:
    """Answers requests for the model.

    Attributes:
        manager: of its versions.
        metrics: of the server.
        settings: of the server.
        stopping: new requests are told to come back later.
    """

    def __init__(
        self,
        manager: VersionManager,
        metrics: Metrics,
        told: settings.Settings,
    ):
        self.manager = manager
        self.metrics = metrics
        self.settings = told
        self.stopping = False

    @contextlib.contextmanager
    def call(self, api: str, request_id: str | None) -> Iterator[Call]:
        """Counts and logs a request, whichever way it ends.

        Args:
            api: `rest` or `grpc`.
            request_id: the client's own, if it is a fit one.

        Raises:
            Refusal: for whatever is raised inside; a bug is `INTERNAL`.
        """
        if not _REQUEST_ID.fullmatch(request_id or ""):
            request_id = uuid.uuid4().hex
        call = Call(api, request_id)
        started = time.monotonic()
        try:
            with self.guard(request_id):
                yield call
        except refusal.Refusal as error:
            call.code = error.code
            raise
        except asyncio.CancelledError:
            call.code = "CANCELLED"
            raise
        finally:
            self._note(call, time.monotonic() - started)

    @contextlib.contextmanager
    def guard(self, request_id: str = "") -> Iterator[None]:
        """Makes a bug one request's error; the server goes on.

        Args:
            request_id: to find it in the log; "": one is made up.

        Raises:
            Refusal: that is raised inside; `INTERNAL` for anything else.
        """
        try:
            yield
        except refusal.Refusal:
            raise
        except Exception as error:
            request_id = request_id or uuid.uuid4().hex
            structured_log.bug("bug", error, request_id=request_id)
            raise refusal.Refusal(
                "INTERNAL",
                f"An error in the server; it is logged {request_id}.",
            ) from error

    def _note(self, call: Call, seconds: float) -> None:
        self.metrics.answered(call.api, call.signature, call.code, seconds)
        facts = dataclasses.asdict(call)
        if facts["texts"] is None:
            del facts["texts"]
        structured_log.info(
            "request", **facts, milliseconds=round(1000 * seconds, 1)
        )

    def find(self, name: str, version: int | None) -> Served:
        """Returns the version that a request is for.

        Raises:
            Refusal: if it is not there, or the server stops.
        """
        if name != self.settings.name:
            raise refusal.Refusal(
                "NOT_FOUND",
                f"There is no model {name!r:.80}, only {self.settings.name!r}.",
            )
        current = self.manager.current
        if self.stopping or current is None:
            raise refusal.Refusal(
                "UNAVAILABLE", "The server is stopping: try again later."
            )
        if version not in (None, current.servable.number):
            raise refusal.Refusal(
                "NOT_FOUND",
                f"Version {version} is not served, but "
                f"{current.servable.number} is.",
            )
        return current

    def find_signature(
        self, served: Served, name: str, call: Call
    ) -> signature.Signature:
        """Returns a signature, and notes it in the call.

        Raises:
            Refusal: if there is none of that name.
        """
        name = name or signature.DEFAULT
        known = served.servable.signatures
        if name not in known:
            raise refusal.Refusal(
                "INVALID_ARGUMENT",
                f"There is no signature {name!r:.80}, expected one of "
                f"{', '.join(sorted(known))}.",
            )
        call.signature = name
        return known[name]

    async def run(
        self,
        served: Served,
        entry: signature.Signature,
        arrays: Mapping[str, np.ndarray],
        seconds: float | None,
        call: Call,
    ) -> dict[str, np.ndarray]:
        """Returns the outputs by name.

        Args:
            served: what `find` returned.
            entry: what `find_signature` returned.
            arrays: the inputs by name.
            seconds: what the client gives; `None`: the server's default.
            call: is told the rows.

        Raises:
            Refusal: if it cannot be answered.
        """
        call.rows = entry.check(arrays)
        if self.settings.log_texts:
            call.texts = _texts(arrays)
        if seconds is None:
            seconds = self.settings.deadline_seconds
        seconds = min(seconds, settings.LONGEST_DEADLINE_SECONDS)
        deadline = asyncio.get_running_loop().time() + seconds
        return await served.batcher.submit(entry, arrays, call.rows, deadline)


def _texts(arrays: Mapping[str, np.ndarray]) -> list[str]:
    return [
        text.decode("utf-8", "replace")
        for array in arrays.values()
        if array.dtype == object
        for text in array.flat
    ]
