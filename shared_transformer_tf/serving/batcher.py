"""Puts requests that wait for the same signature into one batch."""

import asyncio
import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from shared_transformer_tf.serving import refusal, signature

Arrays = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Limits:
    """How much is run at once and how much may wait.

    Attributes:
        batch_rows: rows of a batch at most; larger requests are cut.
        wait_seconds: how long a row waits for others.
        queue_rows: rows waiting at most.
        batches: run at the same time.
    """

    batch_rows: int
    wait_seconds: float
    queue_rows: int
    batches: int


@dataclasses.dataclass(eq=False)
class _Piece:
    """Rows of one request that go into one batch."""

    arrays: Arrays
    rows: int
    arrived: float
    deadline: float
    answer: asyncio.Future

    @property
    def weight(self) -> int:
        return max(1, self.rows)  # a batch of no rows is work too


@dataclasses.dataclass(eq=False)
class _Queue:
    """Pieces that may share a batch, the oldest first."""

    entry: signature.Signature
    # A dictionary for its order, and because any piece may leave.
    pieces: dict[_Piece, None] = dataclasses.field(default_factory=dict)
    rows: int = 0

    @property
    def oldest(self) -> float:
        return next(iter(self.pieces)).arrived


class Batcher:
    """Queues of one version of a model; used within one event loop.

    Requests are joined and parted along dimension 0. They share a batch if
    signature and all other dimensions are equal. Where a batch of several
    fails, each of them is run alone, so that nobody pays, or reads an error
    message, for what somebody else sent.

    Args:
        run: an awaitable call of signature name, arrays and the seconds left.
        limits: of batches and queue.
        observe: told the queue's change in rows, and of each batch its
            signature and rows.
    """

    def __init__(
        self,
        run: Callable,
        limits: Limits,
        observe: Callable[[int, str, int], None] = lambda *_: None,
    ):
        self._run = run
        self._limits = limits
        self._observe = observe
        self._queues: dict[tuple, _Queue] = {}
        self._waiting_rows = 0
        self._running: set[asyncio.Task] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._draining = False

    async def submit(
        self,
        entry: signature.Signature,
        arrays: Arrays,
        rows: int,
        deadline: float,
    ) -> dict[str, np.ndarray]:
        """Returns the outputs for the rows of a request.

        Args:
            entry: the signature.
            arrays: that its `check` accepts.
            rows: what `check` returned.
            deadline: by the event loop's clock.

        Raises:
            Refusal: if the queue is full, the deadline is over or the model
                fails.
        """
        pieces = self._cut(entry, arrays, rows, deadline)
        self._admit(sum(piece.weight for piece in pieces))
        key = (entry.name, *(_rest(entry, arrays)))
        for piece in pieces:
            queue = self._queues.setdefault(key, _Queue(entry))
            queue.pieces[piece] = None
            self._count(queue, piece.weight)
        self._dispatch()
        try:
            async with asyncio.timeout_at(deadline):
                answers = await asyncio.gather(*(p.answer for p in pieces))
        except TimeoutError:
            raise refusal.Refusal(
                "DEADLINE_EXCEEDED", "The time given for this request is over."
            ) from None
        finally:
            for piece in pieces:
                piece.answer.cancel()  # nothing, where it is answered
                self._leave(key, piece)
        return _join(answers)

    async def drain(self) -> None:
        """Waits until all that is queued is answered, without delay."""
        self._draining = True
        self._dispatch()
        while self._running:
            await asyncio.wait(self._running)

    def _cut(self, entry, arrays, rows, deadline) -> list[_Piece]:
        loop = asyncio.get_running_loop()
        size = self._limits.batch_rows if entry.batched else max(1, rows)
        starts = range(0, max(1, rows), size)
        pieces = []
        for start in starts:
            part = arrays
            if len(starts) > 1:
                part = {k: v[start : start + size] for k, v in arrays.items()}
            held = min(size, rows - start)
            pieces.append(
                _Piece(part, held, loop.time(), deadline, loop.create_future())
            )
        return pieces

    def _admit(self, weight: int) -> None:
        most = self._limits.queue_rows
        if weight > most:
            raise refusal.Refusal(
                "OUT_OF_RANGE",
                f"The request has {weight} rows, expected at most {most}: "
                "send fewer rows at once.",
            )
        if self._waiting_rows + weight > most:
            raise refusal.Refusal(
                "RESOURCE_EXHAUSTED", "The queue is full: try again later."
            )

    def _count(self, queue: _Queue, change: int) -> None:
        queue.rows += change
        self._waiting_rows += change
        self._observe(change, "", 0)

    def _leave(self, key: tuple, piece: _Piece) -> None:
        queue = self._queues.get(key)
        if queue and piece in queue.pieces:
            del queue.pieces[piece]
            self._count(queue, -piece.weight)
            if not queue.pieces:
                del self._queues[key]

    def _dispatch(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        while self._queues and len(self._running) < self._limits.batches:
            ready = {k: self._ready_at(q) for k, q in self._queues.items()}
            due = [k for k in ready if ready[k] <= loop.time()]
            if not due:
                self._timer = loop.call_at(min(ready.values()), self._dispatch)
                return
            self._start(min(due, key=lambda k: self._queues[k].oldest))

    def _ready_at(self, queue: _Queue) -> float:
        full = queue.rows >= self._limits.batch_rows
        if full or self._draining or not queue.entry.batched:
            return 0.0
        return queue.oldest + self._limits.wait_seconds

    def _start(self, key: tuple) -> None:
        queue = self._queues[key]
        now = asyncio.get_running_loop().time()
        batch: list[_Piece] = []
        rows = 0
        for piece in list(queue.pieces):
            if batch and (
                not queue.entry.batched
                or rows + piece.rows > self._limits.batch_rows
            ):
                break
            self._leave(key, piece)
            # Whoever waits for a late one is told so by its own clock.
            if piece.deadline > now and not piece.answer.done():
                batch.append(piece)
                rows += piece.rows
        if batch:
            task = asyncio.create_task(self._answer(queue.entry, batch))
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task) -> None:
        self._running.discard(task)
        self._dispatch()

    async def _answer(
        self, entry: signature.Signature, batch: list[_Piece]
    ) -> None:
        rows = sum(piece.rows for piece in batch)
        latest = max(piece.deadline for piece in batch)
        left = latest - asyncio.get_running_loop().time()
        self._observe(0, entry.name, rows)
        try:
            joined = _join([piece.arrays for piece in batch])
            outputs = await self._run(entry.name, joined, left)
            parts = _part(outputs, [piece.rows for piece in batch])
        except Exception as error:  # whatever it is, it is the client's answer
            if len(batch) == 1:
                if not batch[0].answer.done():
                    batch[0].answer.set_exception(error)
                return
            for piece in batch:
                if not piece.answer.done():
                    await self._answer(entry, [piece])
            return
        for piece, part in zip(batch, parts, strict=True):
            if not piece.answer.done():
                piece.answer.set_result(part)


def _rest(entry: signature.Signature, arrays: Arrays) -> list[tuple]:
    return [arrays[name].shape[1:] for name in entry.inputs]


def _join(parts: list[Arrays]) -> dict[str, np.ndarray]:
    if len(parts) == 1:
        return dict(parts[0])
    try:
        return {
            name: np.concatenate([part[name] for part in parts])
            for name in parts[0]
        }
    except ValueError as error:
        raise refusal.Refusal(
            "INTERNAL",
            "The model gave parts of this request different shapes: send "
            "fewer rows at once.",
        ) from error


def _part(outputs: Arrays, rows: list[int]) -> list[dict[str, np.ndarray]]:
    if len(rows) == 1:
        return [dict(outputs)]
    for name, array in outputs.items():
        if array.shape[0] != sum(rows):
            raise refusal.Refusal(
                "INTERNAL",
                f"Output {name!r} of the model has {array.shape[0]} rows for "
                f"{sum(rows)}.",
            )
    ends = np.cumsum(rows)[:-1]
    cut = {name: np.split(array, ends) for name, array in outputs.items()}
    return [
        {name: pieces[index] for name, pieces in cut.items()}
        for index in range(len(rows))
    ]
