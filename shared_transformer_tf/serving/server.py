"""The server: HTTP and gRPC in one event loop, the model in threads."""

import asyncio
import concurrent.futures
import signal
from collections.abc import Callable

import grpc
from aiohttp import web

from shared_transformer_tf.serving import (
    address,
    batcher,
    grpc_service,
    metrics,
    rest,
    servable,
    service,
    settings,
    structured_log,
    version_manager,
)


class Server:
    """Serves a folder of versions from `start` to `stop`.

    Attributes:
        rest_port: of HTTP, known after `start`.
        port: of gRPC, known after `start`.
        manager: of the versions.

    Args:
        told: what to serve and where.
    """

    def __init__(self, told: settings.Settings):
        self._settings = told
        self.rest_port = told.rest_port
        self.port = told.port
        self._metrics = metrics.Metrics()
        self._threads = concurrent.futures.ThreadPoolExecutor(
            told.threads, "run"
        )
        self.manager = version_manager.VersionManager(
            told.model, servable.Servable, self._batcher, self._metrics
        )
        self._service = service.Service(self.manager, self._metrics, told)
        self._watches: list[asyncio.Task] = []

    def _batcher(self, loaded: servable.Servable) -> batcher.Batcher:
        told = self._settings
        loop = asyncio.get_running_loop()
        limits = batcher.Limits(
            told.max_batch_size,
            told.max_wait_ms / 1000,
            told.max_queue_rows,
            told.threads,
        )
        return batcher.Batcher(
            lambda name, arrays, seconds: loop.run_in_executor(
                self._threads, loaded.run, name, arrays, seconds
            ),
            limits,
            self._metrics.observe_batcher,
        )

    async def start(self) -> None:
        """Loads the model, then listens.

        Raises:
            InputError: if no version can be served.
            OSError: if a port was taken meanwhile.
        """
        try:
            await self.manager.start()
        except BaseException:
            await self.manager.stop(0.0)
            raise
        await self._start_rest()
        await self._start_grpc()
        self._watch(self.manager.watch(self._settings.poll_seconds))

    def _watch(self, coroutine) -> None:
        self._watches.append(asyncio.create_task(coroutine))

    async def _start_rest(self) -> None:
        interface = rest.Rest(self._service)
        self._runner = web.AppRunner(
            interface.application(),
            access_log=None,
            # Work for a client that went away is not done.
            handler_cancellation=True,
            lingering_time=1.0,
            keepalive_timeout=self._settings.client_seconds,
            # To aiohttp 0 is no limit.
            shutdown_timeout=max(0.01, self._settings.stop_seconds),
        )
        await self._runner.setup()
        site = web.TCPSite(
            self._runner, self._settings.host, self._settings.rest_port
        )
        await site.start()
        self.rest_port = self._runner.addresses[0][1]
        self._watch(interface.connections.watch(self._runner.server))

    async def _start_grpc(self) -> None:
        told = self._settings
        self._grpc = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", told.max_body_bytes),
                ("grpc.max_send_message_length", told.max_body_bytes),
                # A second server on the port must fail, not share it.
                ("grpc.so_reuseport", 0),
                ("grpc.server_handshake_timeout_ms", 10_000),
            ],
            maximum_concurrent_rpcs=2 * told.max_queue_rows + 16,
        )
        grpc_service.GrpcService(self._service).add_to(self._grpc)
        try:
            self.port = self._grpc.add_insecure_port(
                address.written(told.host, told.port)
            )
        except RuntimeError as error:
            raise OSError(f"Port {told.port} was taken meanwhile.") from error
        await self._grpc.start()

    async def stop(self) -> bool:
        """Answers what was accepted, for `stop_seconds`, and frees all.

        Returns:
            Whether all threads have ended; see `VersionManager.stop`.
        """
        self._service.stopping = True
        for task in self._watches:
            task.cancel()
        loop = asyncio.get_running_loop()
        seconds = self._settings.stop_seconds
        end = loop.time() + seconds
        closing = asyncio.gather(
            self._runner.cleanup(), self._grpc.stop(seconds)
        )
        await asyncio.wait([closing], timeout=seconds)
        # Breaks off what still runs, so that its handlers end.
        ended = await self.manager.stop(max(0.0, end - loop.time()))
        await closing
        self._threads.shutdown(wait=ended)
        return ended


async def serve(
    told: settings.Settings, ready: Callable[[Server], None]
) -> bool:
    """Serves until SIGTERM or SIGINT; a second one ends at once.

    Args:
        told: what to serve and where.
        ready: called when the server answers.

    Returns:
        Whether all threads have ended: Python's exit waits for them.

    Raises:
        InputError: if no version can be served.
    """
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()

    def stop(number: int) -> None:
        structured_log.info("stopping", signal=signal.Signals(number).name)
        for other in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(other)
        stopped.set()

    server = Server(told)
    await server.start()
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop, number)
        ready(server)
        await stopped.wait()
    finally:
        ended = await server.stop()
    structured_log.info("stopped", all_ended=ended)
    return ended
