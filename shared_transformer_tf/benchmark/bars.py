"""A picture of what a benchmark measured: panels of bars."""

import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib.figure


class Panel(NamedTuple):
    """One row of bars.

    Attributes:
        group: key of the results.
        title: says what was measured.
        unit: of the axis.
        value: of a contender's results.
        label: what stands beside its bar, given results and value.
    """

    group: str
    title: str
    unit: str
    value: Callable[[Mapping], float]
    label: Callable[[Mapping, float], str]


def draw(
    panels: Sequence[Panel], results: Mapping[str, Any], path: str
) -> None:
    """Writes one panel below the other.

    Args:
        panels: what to show.
        results: of the benchmark; what was not measured is left out.
        path: of the PNG.
    """
    panels = [panel for panel in panels if panel.group in results]
    sizes = [len(results[panel.group]) for panel in panels]
    figure = matplotlib.figure.Figure(
        (8, 1.2 + 0.36 * sum(sizes) + 0.7 * len(panels)), layout="constrained"
    )
    grid = figure.subplots(
        len(panels), squeeze=False, gridspec_kw={"height_ratios": sizes}
    )
    for (axes,), panel in zip(grid, panels, strict=True):
        _draw_panel(axes, panel, results[panel.group])
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def _draw_panel(axes, panel: Panel, group: Mapping[str, Mapping]) -> None:
    values = [panel.value(one) for one in group.values()]
    labels = [
        panel.label(one, value)
        for one, value in zip(group.values(), values, strict=True)
    ]
    bars = axes.barh(list(group), values, color="#4878a8")
    axes.bar_label(bars, labels, padding=3)
    axes.invert_yaxis()
    axes.set_xlim(0, _width(values, labels))
    axes.set_title(panel.title, loc="left")
    axes.set_xlabel(panel.unit)
    axes.spines[["top", "right"]].set_visible(False)


def _width(values: Sequence[float], labels: Sequence[str]) -> float:
    """Returns the end of the axis at which every label is within it."""
    letter = 0.0135  # part of the axis
    return max(
        value / (0.97 - letter * len(label))
        for value, label in zip(values, labels, strict=True)
    )
