"""A picture of what `benchmark.training` measured."""

import pathlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import matplotlib.figure


class _Panel(NamedTuple):
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


def _speed(one: Mapping) -> float:
    return one["tokens_per_second"]


def _speed_label(one: Mapping, value: float) -> str:
    label = f"{value:,} ({one['speed_ratio']:.2f}x"
    if "share_of_matrix_product" in one:
        label += f"; {one['share_of_matrix_product']:.0%}"
    return label + ")"


def _start(one: Mapping) -> float:
    return one["trace_seconds"] + one["first_step_seconds"]


def _memory(one: Mapping) -> float:
    return one["peak_gib"] - one["resident_gib"]


def _plain(_: Mapping, value: float) -> str:
    return f"{value:.1f}"


_TOKENS = "target tokens per second (over the first's"
_PANELS = (
    _Panel(
        "speed_tiny",
        "4+4 layers, 128 wide, 240 x 17 tokens",
        _TOKENS + "; share of a matrix product's FLOPs)",
        _speed,
        _speed_label,
    ),
    _Panel(
        "speed_small",
        "3+3 layers, 256 wide, 64 x 24 tokens",
        _TOKENS + "; share of a matrix product's FLOPs)",
        _speed,
        _speed_label,
    ),
    _Panel(
        "rules",
        "Gradient rules; 4+4 layers from 2+2 blocks",
        _TOKENS + ")",
        _speed,
        _speed_label,
    ),
    _Panel(
        "depth",
        "Depth over blocks, 128 wide, 64 x 24 tokens",
        _TOKENS + ")",
        _speed,
        _speed_label,
    ),
    _Panel(
        "depth",
        "The same: until the first step is done",
        "seconds of tracing and first step",
        _start,
        _plain,
    ),
    _Panel(
        "memory",
        "Memory of a step, 128 wide, 512 x 24 tokens",
        "GiB at the peak, over what the model takes at rest",
        _memory,
        _plain,
    ),
)


def draw(results: Mapping[str, Any], path: str) -> None:
    """Writes speed, start and memory of each contender as bars.

    Args:
        results: of `training.compare`; what was not measured is left out.
        path: of the PNG.
    """
    panels = [panel for panel in _PANELS if panel.group in results]
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


def _draw_panel(axes, panel: _Panel, group: Mapping[str, Mapping]) -> None:
    values = [panel.value(one) for one in group.values()]
    labels = [
        panel.label(one, value)
        for one, value in zip(group.values(), values, strict=True)
    ]
    bars = axes.barh(list(group), values, color="#4878a8")
    axes.bar_label(bars, labels, padding=3)
    axes.invert_yaxis()
    axes.set_xlim(0, max(values) * 1.35)
    axes.set_title(panel.title, loc="left")
    axes.set_xlabel(panel.unit)
    axes.spines[["top", "right"]].set_visible(False)
