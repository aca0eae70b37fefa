"""What a server is told when it starts."""

import dataclasses
import re

from shared_transformer_tf import errors

# A client may ask for more time than the default, but not for ever.
LONGEST_DEADLINE_SECONDS = 600.0
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of a server, checked when made.

    Attributes:
        model: folder of numbered versions; the newest is served.
        name: what clients call the model.
        host: address to listen at.
        rest_port: of HTTP; 0: any free one.
        port: of gRPC; 0: any free one.
        max_batch_size: rows run at once.
        max_wait_ms: how long a row waits for others to fill its batch.
        max_queue_rows: rows that may wait; then clients are told to try
            later.
        threads: batches run at the same time.
        deadline_seconds: of requests that name none.
        max_body_bytes: of one request and, over gRPC, of one answer.
        client_seconds: what a client may take to send a request, and leave
            its answer unread.
        poll_seconds: between looks for a new version.
        stop_seconds: that queued requests get when the server is stopped.
        log_texts: whether the log shows what is translated.

    Raises:
        InputError: if a value is out of range.
    """

    model: str
    name: str = "translator"
    host: str = "127.0.0.1"
    rest_port: int = 8501
    port: int = 8500
    max_batch_size: int = 32
    max_wait_ms: float = 5.0
    max_queue_rows: int = 1024
    threads: int = 2
    deadline_seconds: float = 30.0
    max_body_bytes: int = 4 << 20
    client_seconds: float = 20.0
    poll_seconds: float = 1.0
    stop_seconds: float = 30.0
    log_texts: bool = False

    def __post_init__(self):
        if not _NAME.fullmatch(self.name):
            raise errors.InputError(
                f"--name is {self.name!r}, expected letters, digits, '_', "
                "'-' and '.': it is a part of addresses."
            )
        for name in ("rest_port", "port"):
            self._within(name, 0, 65535)
        if self.port and self.port == self.rest_port:
            raise errors.InputError(
                f"--rest_port and --port are both {self.port}: give them "
                "different ones; 0 takes any free one."
            )
        for name in ("max_batch_size", "max_queue_rows", "threads"):
            self._within(name, 1, 1 << 20)
        self._within("max_wait_ms", 0, 10_000)
        self._within("max_body_bytes", 1024, 1 << 30)
        self._within("deadline_seconds", 0.001, LONGEST_DEADLINE_SECONDS)
        self._within("stop_seconds", 0, 3600)
        for name in ("client_seconds", "poll_seconds"):
            self._within(name, 0.01, 3600)

    def _within(self, name: str, low: float, high: float) -> None:
        value = getattr(self, name)
        if not low <= value <= high:
            raise errors.InputError(
                f"--{name} is {value}, expected {low} to {high}."
            )
