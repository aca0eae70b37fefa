"""Signals that ask a training to end, taken so that nothing is lost."""

import signal
import threading
from types import FrameType


class StopSignals:
    """Notes SIGTERM and Ctrl-C while it is entered, for training to obey.

    A second one acts as it did before: it ends the process at once. Does
    nothing outside the main thread, where Python takes no signals. Entered
    late enough it takes the place of TensorFlow's own watch for SIGTERM,
    which keeps a worker among others from ending.

    Attributes:
        received: the number of the signal that came, or `None`.
    """

    def __init__(self):
        self.received: int | None = None
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

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        self.__exit__()
