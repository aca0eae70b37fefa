"""How long the rest of a study takes, by what its cells took so far."""

from collections.abc import Mapping

from shared_transformer_tf.config import Config
from shared_transformer_tf.study.cells import Cell

# What of an update does not depend on the depth, counted in layers: with
# embeddings and output two layers take about 0.7 times as long as four.
_LAYERS_BESIDES = 3


class TimeLeft:
    """Counts cells and their time.

    Args:
        workers: cells that are trained at a time.
    """

    def __init__(self, workers: int):
        self._workers = workers
        self._expected: dict[Cell, int] = {}
        self._done = 0
        self._seconds = 0.0
        self._cost = 0

    @property
    def number(self) -> int:
        """Cells that are left."""
        return len(self._expected)

    def expect(self, configs: Mapping[Cell, Config]) -> None:
        """Says which cells are to be trained, and with which config."""
        self._expected = {
            cell: config.model.num_layers + _LAYERS_BESIDES
            for cell, config in configs.items()
        }

    def note(self, cell: Cell, seconds: float | None) -> None:
        """Counts a cell that ended.

        Args:
            cell: that was expected.
            seconds: that it took; `None` if it was not trained to its end.
        """
        cost = self._expected.pop(cell)
        if seconds is not None:
            self._seconds += seconds
            self._cost += cost
        self._done += 1

    def describe(self) -> str:
        """Returns how many cells ended, and how long the others take."""
        counted = f"[{self._done} of {self._done + self.number}"
        if not self._cost:
            return f"{counted}]"
        pace = self._seconds / self._cost / self._workers
        hours = pace * sum(self._expected.values()) / 3600
        return f"{counted}, {hours:.1f} hours left]"
