"""How far a training is, and what it logs."""

import dataclasses
import json
import math
import os
import time
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.training import checkpoints


@dataclasses.dataclass
class TrainingProgress:
    """What has to survive a stop besides weights and optimizer.

    Attributes:
        step: updates done.
        seconds: spent in training so far, evaluations included.
        tokens: target tokens seen.
        loss_sum: of the tokens since a loss was last logged, in nats.
        loss_tokens: those tokens, of batches whose loss is finite.
        skipped: updates not applied since that was last logged.
        timed_tokens: target tokens since a speed was last logged, of updates
            whose time is known: not of a first one, which traces.
        timed_seconds: that those updates took.
        best_scores: dev scores of the best evaluation, by name.
        without_better: evaluations since then.
        finished: whether training ended of itself.
        text: checksum of training and dev set; 0: not known.
    """

    step: int = 0
    seconds: float = 0.0
    tokens: float = 0.0
    loss_sum: float = 0.0
    loss_tokens: float = 0.0
    skipped: int = 0
    timed_tokens: float = 0.0
    timed_seconds: float = 0.0
    best_scores: dict[str, float] = dataclasses.field(default_factory=dict)
    without_better: int = 0
    finished: bool = False
    text: int = 0

    def note_loss(self, loss: float, tokens: float) -> None:
        """Counts a batch: its mean loss per token, and its tokens."""
        self.tokens += tokens
        if math.isfinite(loss):
            self.loss_sum += loss * tokens
            self.loss_tokens += tokens

    def take_loss(self) -> float:
        """Returns the mean loss per token since the last time, in nats.

        NaN where no batch had a finite one.
        """
        mean = math.nan
        if self.loss_tokens:
            mean = self.loss_sum / self.loss_tokens
        self.loss_sum = self.loss_tokens = 0.0
        return mean

    def take_skipped(self) -> int:
        """Returns the updates not applied since the last time."""
        number, self.skipped = self.skipped, 0
        return number

    def take_speed(self) -> float | None:
        """Returns target tokens per second since the last time, if known."""
        tokens, seconds = self.timed_tokens, self.timed_seconds
        self.timed_tokens = self.timed_seconds = 0.0
        return tokens / seconds if seconds else None

    def note_scores(self, scores: dict[str, float], best_by: str) -> None:
        """Counts an evaluation, the best one by one of its scores."""
        best = self.best_scores
        if not best or (
            checkpoints.rank(scores, best_by) > checkpoints.rank(best, best_by)
        ):
            self.best_scores = scores
            self.without_better = 0
        else:
            self.without_better += 1

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as a dictionary."""
        return dataclasses.asdict(self)


class MetricsLog:
    """Appends records to `metrics.jsonl` and to TensorBoard.

    Args:
        path: of the JSON lines.
        tensorboard: folder of the event files.
        last_step: records of later steps are dropped: they belong to
            updates that were lost with a stop and will be done again.
    """

    def __init__(self, path: str, tensorboard: str, last_step: int = 0):
        self._path = path
        if os.path.exists(path):
            self._drop_after(last_step)
        _mark_start(tensorboard, last_step + 1)
        self._writer = tf.summary.create_file_writer(tensorboard)

    def read(self, kind: str) -> list[dict[str, Any]]:
        """Returns the records of a kind, in order."""
        if not os.path.exists(self._path):
            return []
        with open(self._path, encoding="utf-8") as stream:
            records = [json.loads(line) for line in stream]
        return [record for record in records if record.get("kind") == kind]

    def write(
        self,
        kind: str,
        step: int,
        values: dict[str, Any],
        shown: dict[str, Any] | None = None,
    ) -> None:
        """Adds a record.

        Args:
            kind: `train`, `valid` or `uses`.
            step: updates done.
            values: what was measured: numbers, or dictionaries of them.
            shown: what TensorBoard has, of numbers alone; `None`: `values`.
        """
        record = {"kind": kind, "step": step, **values, "time": time.time()}
        with open(self._path, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(record) + "\n")
        with self._writer.as_default(step=step):
            for name, value in _numbers(kind, shown or values):
                tf.summary.scalar(name, value)
        self._writer.flush()

    def write_image(self, name: str, step: int, png: bytes) -> None:
        """Shows a picture in TensorBoard."""
        with self._writer.as_default(step=step):
            tf.summary.image(name, tf.io.decode_png(png, channels=3)[None])
        self._writer.flush()

    def _step(self, line: str) -> int:
        try:
            return json.loads(line)["step"]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{self._path} has a line that is no record: {line[:60]!r}. "
                "Delete that line, or the file."
            ) from error

    def _drop_after(self, last_step: int) -> None:
        # bytes that are no text make a line that is no record
        text = {"encoding": "utf-8", "errors": "surrogateescape"}
        with open(self._path, **text) as stream:
            lines = [line for line in stream if line.endswith("\n")]
        kept = [line for line in lines if self._step(line) <= last_step]
        beside = f"{self._path}.partial"
        with open(beside, "w", **text) as stream:
            stream.writelines(kept)
        os.replace(beside, self._path)


def _numbers(
    prefix: str, values: dict[str, Any]
) -> Iterator[tuple[str, float]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _numbers(f"{prefix}/{name}", value)
        else:
            yield f"{prefix}/{name}", value


def _mark_start(directory: str, step: int) -> None:
    """Tells TensorBoard to drop what it has of `step` and later.

    A SessionLog START does that from the second one in a folder on, so each
    training writes one, the first too.
    """
    # The writer of TensorFlow 2 cannot write this event; the older one wants
    # a graph around it.
    with tf.Graph().as_default():
        writer = tf.compat.v1.summary.FileWriter(directory)
        start = tf.compat.v1.SessionLog(status=tf.compat.v1.SessionLog.START)
        writer.add_session_log(start, step)
        writer.close()
