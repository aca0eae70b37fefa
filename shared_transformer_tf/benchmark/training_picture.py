"""A picture of what `benchmark.training` measured."""

import pathlib
from collections.abc import Mapping
from typing import Any

import matplotlib.figure

_TITLES = {
    "speed_tiny": "4+4 layers, 128 wide, 240 x 17 tokens",
    "speed_small": "3+3 layers, 256 wide, 64 x 24 tokens",
    "rules": "Gradient rules; 4+4 layers from 2+2 blocks",
    "depth": "Depth, 128 wide, 64 x 24 tokens",
}


def draw(results: Mapping[str, Any], path: str) -> None:
    """Writes target tokens per second of each contender as bars.

    Args:
        results: of `training.compare`.
        path: of the PNG.
    """
    names = [name for name in _TITLES if name in results]
    sizes = [len(results[name]) for name in names]
    figure = matplotlib.figure.Figure(
        (8, 1.2 + 0.36 * sum(sizes) + 0.7 * len(names)), layout="constrained"
    )
    grid = figure.subplots(
        len(names), squeeze=False, gridspec_kw={"height_ratios": sizes}
    )
    for (axes,), name in zip(grid, names, strict=True):
        group = results[name]
        speeds = [one["tokens_per_second"] for one in group.values()]
        bars = axes.barh(list(group), speeds, color="#4878a8")
        axes.bar_label(
            bars,
            [
                f"{speed:,} ({one['speed_ratio']:.2f}x)"
                for speed, one in zip(speeds, group.values(), strict=True)
            ],
            padding=3,
        )
        axes.invert_yaxis()
        axes.set_xlim(0, max(speeds) * 1.3)
        axes.set_title(_TITLES[name], loc="left")
        axes.set_xlabel("target tokens per second (over the first's)")
        axes.spines[["top", "right"]].set_visible(False)
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
