"""Serves the newest version that works, and follows the folder."""

import asyncio
import concurrent.futures
import dataclasses
import threading
from collections.abc import Callable
from typing import Any

from shared_transformer_tf import errors
from shared_transformer_tf.serving import structured_log, version_folder
from shared_transformer_tf.serving.batcher import Batcher

_BREAKING_OFF_SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class State:
    """Where a version is, in the words of TensorFlow Serving.

    Attributes:
        name: `LOADING`, `AVAILABLE`, `UNLOADING` or `END`.
        error: why it ended; "" if nothing was wrong.
    """

    name: str
    error: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class Served:
    """A version in memory and the queues before it."""

    servable: Any
    batcher: Batcher


class VersionManager:
    """Loads a new version beside the old one, swaps, then drops the old one.

    The newest version that is not known to fail is served; taking a folder
    away goes back to the one before it. One that fails to load or to warm up
    is not tried again before its files are changed. A newer one that appears
    while another is served may still be being copied: it is left alone until
    two scans have found the same files.

    Attributes:
        current: what is served; `None` before `start` and after `stop`.
        states: of all versions seen, by number.

    Args:
        base: folder of versions.
        load: makes a servable of a `VersionFolder`; blocks.
        batch: makes a `Batcher` for a servable.
        metrics: is told what is loaded and what fails.
    """

    def __init__(
        self,
        base: str,
        load: Callable[[version_folder.VersionFolder], Any],
        batch: Callable[[Any], Batcher],
        metrics,
    ):
        self.current: Served | None = None
        self.states: dict[int, State] = {}
        self._base = base
        self._load = load
        self._batch = batch
        self._metrics = metrics
        self._ignored: set[str] = set()
        self._found: dict[int, version_folder.Files] = {}
        self._failed: dict[int, version_folder.Files] = {}
        self._retiring: dict[asyncio.Task, Served] = {}
        # Its own thread, so that predictions do not wait for a load.
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "load")
        self._load_under_way: concurrent.futures.Future | None = None
        self._warming_up: Any = None
        self._stopped = threading.Event()

    async def start(self) -> None:
        """Loads the newest version that works.

        Raises:
            InputError: if none does, with the reason of the newest.
        """
        await self.scan()
        if self.current is None:
            failed = [state.error for state in self.states.values()]
            raise errors.InputError(
                f"No version in {self._base} can be served. {failed[0]}"
                if failed
                else f"{self._base} holds no version any more."
            )

    async def watch(self, seconds: float) -> None:
        """Scans for ever; an error is logged, once, and no reason to end."""
        complained = ""
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.scan()
                complained = ""
            except Exception as error:
                if repr(error) != complained:
                    _log_failed_scan(error)
                complained = repr(error)

    async def scan(self) -> None:
        """Looks once, and changes to another version if there is reason."""
        # Not here, where a slow disk would hold up all answers.
        for version, files in await asyncio.to_thread(self._newer_versions):
            if self._stopped.is_set():
                return
            if not self._is_copied(version.number, files):
                continue
            if self._failed.get(version.number) == files:
                continue
            if await self._change_to(version, files):
                return

    def _newer_versions(
        self,
    ) -> list[tuple[version_folder.VersionFolder, version_folder.Files]]:
        """The versions above the one that serves, the newest first."""
        found = []
        for version in version_folder.find(self._base, self._ignore):
            if self.current is not None and (
                version.number == self.current.servable.number
            ):
                break
            found.append((version, version.files()))
        return found

    def _ignore(self, path: str) -> None:
        if path not in self._ignored:
            structured_log.warning(
                "ignored",
                path=path,
                error=f"Its number is above {version_folder.LARGEST}.",
            )
        self._ignored.add(path)

    def _is_copied(self, number: int, files: version_folder.Files) -> bool:
        """Whether a version is as the last scan found it, or need not be."""
        if self.current is None or number < self.current.servable.number:
            return True
        if number not in self._found:
            structured_log.info("found", version=number)
        before = self._found.get(number)
        self._found[number] = files
        return files == before

    async def _change_to(
        self, version: version_folder.VersionFolder, files: version_folder.Files
    ) -> bool:
        self.states[version.number] = State("LOADING")
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            self._load_under_way = self._thread.submit(
                self._load_and_warm_up, version
            )
            servable, warmed = await asyncio.wrap_future(self._load_under_way)
        except errors.InputError as error:
            self._failed[version.number] = files
            self.states[version.number] = State("END", str(error))
            self._metrics.failed_to_load()
            structured_log.warning(
                "load_failed", version=version.number, error=str(error)
            )
            return False
        old, self.current = (
            self.current,
            Served(servable, self._batch(servable)),
        )
        self.states[version.number] = State("AVAILABLE")
        self._metrics.loaded(version.number)
        structured_log.info(
            "serving",
            version=version.number,
            signatures=sorted(servable.signatures),
            warmup_requests=warmed,
            milliseconds=round(1000 * (loop.time() - started)),
        )
        if old is not None:
            self._start_to_retire(old)
        return True

    def _load_and_warm_up(self, version) -> tuple[Any, int]:
        servable = self._load(version)
        try:
            # In this order: `stop` looks at them in the other one.
            self._warming_up = servable
            if self._stopped.is_set():
                raise errors.InputError("The server is stopping.")
            return servable, servable.warm_up()
        except errors.InputError:
            servable.close()
            raise
        finally:
            self._warming_up = None

    def _start_to_retire(self, old: Served) -> None:
        task = asyncio.create_task(self._retire(old))
        self._retiring[task] = old
        task.add_done_callback(self._retiring.pop)

    async def _retire(self, old: Served) -> None:
        number = old.servable.number
        self.states[number] = State("UNLOADING")
        await old.batcher.drain()
        # Not in the thread of loads, which may have one under way.
        await asyncio.to_thread(old.servable.close)
        if self.states[number] == State("UNLOADING"):
            self.states[number] = State("END")
        structured_log.info("dropped", version=number)

    async def stop(self, seconds: float) -> bool:
        """Answers what is queued and frees all versions.

        Args:
            seconds: after which what still runs is broken off. A warm-up is
                broken off at once.

        Returns:
            Whether all has ended: a load from a slow disk cannot be broken
            off.
        """
        self._stopped.set()
        self._thread.shutdown(wait=False)
        warming_up = self._warming_up
        if warming_up is not None:
            warming_up.close()
        old, self.current = self.current, None
        if old is not None:
            self._start_to_retire(old)
        waited: set[asyncio.Future] = set(self._retiring)
        if self._load_under_way is not None:
            waited.add(asyncio.create_task(_ended(self._load_under_way)))
        late = await _late(waited, seconds)
        for retiring in list(self._retiring.values()):
            retiring.servable.close()
        late = await _late(late, _BREAKING_OFF_SECONDS)
        for task in late:
            task.cancel()
        return not late


def _log_failed_scan(error: Exception) -> None:
    if isinstance(error, OSError):
        structured_log.warning("scan_failed", error=str(error))
    else:
        structured_log.bug("scan_failed", error)


async def _ended(load: concurrent.futures.Future) -> None:
    # However it ends, its result is for nobody.
    await asyncio.gather(asyncio.wrap_future(load), return_exceptions=True)


async def _late(
    tasks: set[asyncio.Future], seconds: float
) -> set[asyncio.Future]:
    if not tasks:
        return tasks
    return (await asyncio.wait(tasks, timeout=seconds))[1]
