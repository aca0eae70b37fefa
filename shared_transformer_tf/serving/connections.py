"""Closes HTTP connections whose clients are too slow."""

import asyncio
import contextlib
from collections.abc import Iterator

from aiohttp import web


class Connections:
    """Gives every connection some time for its next whole request.

    aiohttp bounds none of: a connection without a request, half a header, a
    client that does not read its answer.

    Args:
        idle_seconds: without a request being answered, nor any of an answer
            being sent.
        busy_seconds: for one answer, before it is sent.
    """

    def __init__(self, idle_seconds: float, busy_seconds: float):
        self._idle_seconds = idle_seconds
        self._busy_seconds = busy_seconds
        self._idle_since: dict[object, float] = {}
        self._busy_since: dict[object, float] = {}
        self._unsent: dict[object, int] = {}

    @contextlib.contextmanager
    def busy(self, request: web.Request) -> Iterator[None]:
        """Notes that a request is being answered."""
        connection = request.protocol
        loop = asyncio.get_running_loop()
        self._busy_since[connection] = loop.time()
        try:
            yield
        finally:
            del self._busy_since[connection]
            self._idle_since[connection] = loop.time()

    async def watch(self, server: web.Server) -> None:
        """Looks for ever, a few times in each period."""
        while True:
            await asyncio.sleep(min(1.0, self._idle_seconds / 4))
            self._look(server)

    def _look(self, server: web.Server) -> None:
        now = asyncio.get_running_loop().time()
        idle_since, unsent = {}, {}
        for connection in server.connections:
            transport = connection.transport
            if transport is not None:
                unsent[connection] = transport.get_write_buffer_size()
            since = self._idle_since.get(connection, now)
            if unsent.get(connection, 0) < self._unsent.get(connection, 0):
                since = now  # its client reads
            limit = self._idle_seconds
            idle_since[connection] = since
            if connection in self._busy_since:
                since = self._busy_since[connection]
                limit = self._busy_seconds
            if now - since > limit:
                connection.force_close()
                if transport is not None:
                    # Closing alone waits for what is not read.
                    transport.abort()
        self._idle_since, self._unsent = idle_since, unsent
