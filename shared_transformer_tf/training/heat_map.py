"""Heat maps of what was measured at each depth, update by update."""

import collections
import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.figure
import numpy as np


class DepthMaps:
    """Norms of gradients at each depth of some stacks, over the updates.

    The norm at a depth is that of all sublayers' uses there together.

    Args:
        depths: the stack and the depth of each use of some sublayers.
    """

    def __init__(self, depths: Mapping[str, Sequence[tuple[str, int]]]):
        self._depths = depths
        self._steps: list[int] = []
        self._columns = collections.defaultdict(list)

    def add(self, step: int, measured: Mapping[str, dict[str, Any]]) -> None:
        """Adds a column to each map.

        Args:
            step: updates done.
            measured: `norms` of the uses of each sublayer, among others.
        """
        squares: dict[str, dict[int, float]] = collections.defaultdict(
            lambda: collections.defaultdict(float)
        )
        for name, places in self._depths.items():
            norms = measured[name]["norms"]
            for (stack, depth), norm in zip(places, norms, strict=True):
                squares[stack][depth] += norm**2
        self._steps.append(step)
        for stack, by_depth in squares.items():
            column = [by_depth[depth] ** 0.5 for depth in sorted(by_depth)]
            self._columns[stack].append(column)

    def draw(self) -> dict[str, bytes]:
        """Returns a PNG for each stack: depth upwards, updates to the right."""
        return {
            stack: _draw(
                f"{stack}: gradient norm at each depth", self._steps, columns
            )
            for stack, columns in self._columns.items()
        }


def _draw(title: str, steps: list[int], columns: list[list[float]]) -> bytes:
    figure = matplotlib.figure.Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    norms = np.maximum(np.array(columns).T, 1e-12)
    image = axes.imshow(
        np.log10(norms), aspect="auto", origin="lower", cmap="viridis"
    )
    axes.set_title(title)
    axes.set_xlabel("update")
    axes.set_ylabel("depth, from the input")
    shown = np.unique(np.linspace(0, len(steps) - 1, 8).astype(int))
    axes.set_xticks(shown, [str(steps[place]) for place in shown])
    axes.set_yticks(range(len(norms)), [str(d + 1) for d in range(len(norms))])
    figure.colorbar(image, ax=axes, label="log10 of the gradient's norm")
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110)
    return stream.getvalue()
