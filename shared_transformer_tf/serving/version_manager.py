"""Serves the newest version that works, and follows the folder."""

import asyncio
import concurrent.futures
import dataclasses
from collections.abc import Callable
from typing import Any

from shared_transformer_tf import errors
from shared_transformer_tf.serving import structured_log, version_folder
from shared_transformer_tf.serving.batcher import Batcher


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
        self._retiring: set[asyncio.Task] = set()
        # Its own thread, so that predictions do not wait for a load.
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "load")

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
        """Scans for ever; an error of the file system is logged, once."""
        complained = ""
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.scan()
                complained = ""
            except OSError as error:
                if str(error) != complained:
                    structured_log.warning("scan_failed", error=str(error))
                complained = str(error)

    async def scan(self) -> None:
        """Looks once, and changes to another version if there is reason."""
        for version in version_folder.find(self._base, self._ignore):
            if self.current is not None and (
                version.number == self.current.servable.number
            ):
                return
            files = version.files()
            if not self._is_copied(version.number, files):
                continue
            if self._failed.get(version.number) == files:
                continue
            if await self._change_to(version, files):
                return

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
            servable, warmed = await loop.run_in_executor(
                self._thread, self._load_and_warm_up, version
            )
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
            task = asyncio.create_task(self._retire(old))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)
        return True

    def _load_and_warm_up(self, version) -> tuple[Any, int]:
        servable = self._load(version)
        try:
            return servable, servable.warm_up()
        except errors.InputError:
            servable.close()
            raise

    async def _retire(self, old: Served) -> None:
        number = old.servable.number
        self.states[number] = State("UNLOADING")
        await old.batcher.drain()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, old.servable.close)
        if self.states[number] == State("UNLOADING"):
            self.states[number] = State("END")
        structured_log.info("dropped", version=number)

    async def stop(self) -> None:
        """Answers what is queued and frees all versions."""
        old, self.current = self.current, None
        if old is not None:
            await self._retire(old)
        while self._retiring:
            await asyncio.wait(self._retiring)
        self._thread.shutdown()
