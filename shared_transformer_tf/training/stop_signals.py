"""Signals that ask a training to end, taken so that nothing is lost."""

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a study waits for signals without TensorFlow
    from shared_transformer_tf.training.progress import TrainingProgress

# A job's manager may tell every process of it, and they tell each other.
_SAME_STOP_SECONDS = 10.0


class StopSignals:
    """Notes SIGTERM and Ctrl-C while it is entered, for training to obey.

    A second one acts as it did before: it ends the process at once. But a
    SIGTERM in the next seconds is the same stop, told by another. Does nothing
    outside the main thread, where Python takes no signals. Entered late enough
    it takes the place of TensorFlow's own watch for SIGTERM, which keeps a
    worker among others from ending.

    Attributes:
        received: the number of the signal that came, or `None`.
        enough: whether who watches the evaluations said so.
        watched: whether there is one, who has more to do after this training
            and is to be told of a signal in its last evaluation too.
    """

    def __init__(self):
        self.received: int | None = None
        self.enough = self.watched = False
        self._first_at = 0.0
        self._before: dict[int, object] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def watch(
        self,
        evaluate: Callable[[], dict[str, float]],
        progress: "TrainingProgress",
        enough: Callable[[dict[str, float]], bool] | None,
    ) -> Callable[[], dict[str, float]]:
        """Returns `evaluate`, after which `enough` may end the training.

        Args:
            evaluate: returns dev scores.
            progress: of the training.
            enough: is given the scores and the `tokens` seen; `None`: nobody
                watches.
        """
        self.watched = enough is not None

        def watched() -> dict[str, float]:
            scores = evaluate()
            if enough is not None:
                self.enough = enough(scores | {"tokens": progress.tokens})
            return scores

        return watched

    def agreed(self, highest: Callable[[int], int]) -> bool:
        """Whether to end now, which all workers find alike.

        A signal that comes while they compare is left for the next time, for
        the others do not know of it.

        Args:
            highest: given this worker's signal or 0, returns the highest of
                all of them.
        """
        number = highest(self.received or 0)
        if number:
            self._take(number)
        return self.enough or number != 0

    def _note(self, number: int, frame: FrameType | None) -> None:
        same_stop = time.monotonic() - self._first_at < _SAME_STOP_SECONDS
        if self.received is None:
            self._take(number)
        elif number != signal.SIGTERM or not same_stop:
            self.__exit__()
            signal.raise_signal(number)

    def _take(self, number: int) -> None:
        if self.received is None:
            self._first_at = time.monotonic()
        self.received = number
