"""How the pictures of a report look: colours, figures, labels, files.

The colours are those of Okabe and Ito, told apart by colour-blind readers;
line style and marker tell arms apart without any colour.
"""

import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

WIDTH = 8.0  # inches; at this width the README shows text in its own size
DOTS_PER_INCH = 150
GREY = "#666666"


class Look(NamedTuple):
    """Of one arm.

    Attributes:
        colour: of line, marker and label.
        line: style of the line.
        marker: of its points.
    """

    colour: str
    line: Any
    marker: str


_LOOKS = {
    "vanilla": Look("#000000", "-", "o"),
    "shared": Look("#0072B2", "-", "s"),
    "tuned": Look("#D55E00", "--", "^"),
    "shared_tuned": Look("#008060", "--", "D"),
    "compact": Look("#CC79A7", "-.", "v"),
    "deep": Look("#B07A00", ":", "P"),
}
_OTHERS = (
    Look("#56B4E9", (0, (5, 1)), "X"),
    Look("#7A4FA0", (0, (3, 1, 1, 1)), "h"),
    Look("#808000", (0, (1, 1)), "<"),
    Look("#A03030", (0, (7, 2)), ">"),
    Look("#408080", (0, (2, 2)), "p"),
    Look("#707070", (0, (4, 1, 1, 1, 1, 1)), "*"),
)


def looks(arms: Sequence[str]) -> dict[str, Look]:
    """Returns the look of each arm, the same in every picture of a study."""
    others = [arm for arm in arms if arm not in _LOOKS]
    found = {
        arm: _OTHERS[place % len(_OTHERS)] for place, arm in enumerate(others)
    }
    return {arm: _LOOKS.get(arm) or found[arm] for arm in arms}


def figure(height: float) -> Figure:
    """Returns an empty figure of the common width.

    Args:
        height: in inches.
    """
    return Figure((WIDTH, height), layout="constrained")


def tidy(axes: Any, title: str, x_label: str, y_label: str = "") -> None:
    """Gives axes a title, units, and no frame.

    Tokens and FLOPs, which are many, are written as 200k or 1.5M.
    """
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    if "tokens" in x_label or "FLOPs" in x_label:
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))


def label_ends(
    axes: Any, ends: dict[str, tuple[float, float, str]], height: float
) -> None:
    """Writes names to the right of where their lines end, none on another.

    Args:
        axes: with its limits set.
        ends: x, y and colour by name.
        height: of a line of text, as part of the axes' height.
    """
    if not ends:
        return
    low, high = axes.get_ylim()
    order = sorted(ends, key=lambda name: ends[name][1])
    wanted = [(ends[name][1] - low) / (high - low) for name in order]
    right = max(x for x, _, _ in ends.values())
    for name, place in zip(order, spaced(wanted, height), strict=True):
        x, y, colour = ends[name]
        axes.annotate(
            name,
            (x, y),
            (1.04, place),
            textcoords="axes fraction",
            color=colour,
            fontsize=9,
            va="center",
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.6,
                "alpha": 0.6,
                "relpos": (0, 0.5),
                "shrinkA": 0,
                "shrinkB": 0,
            },
            annotation_clip=False,
        )
    axes.set_xlim(right=right)


def spaced(wanted: Sequence[float], least: float) -> list[float]:
    """Returns places near the wanted ones, at least so far apart.

    Neighbours that are too close become one group around their mean; all
    stay between 0 and 1 where there is room for that.

    Args:
        wanted: in ascending order.
        least: distance of neighbours.
    """
    groups: list[list[float]] = []

    def start(group: list[float]) -> float:
        return float(np.mean(group)) - least * (len(group) - 1) / 2

    for place in wanted:
        groups.append([place])
        while len(groups) > 1 and start(groups[-1]) < (
            start(groups[-2]) + least * len(groups[-2])
        ):
            last = groups.pop()
            groups[-1] += last
    places = [
        start(group) + least * number
        for group in groups
        for number in range(len(group))
    ]
    last = len(places) - 1
    places = [max(x, least * n) for n, x in enumerate(places)]
    return [min(x, 1 - least * (last - n)) for n, x in enumerate(places)]


def save(drawn: Figure, path: pathlib.Path) -> None:
    """Writes a PNG whose bytes depend on the picture alone."""
    drawn.savefig(path, dpi=DOTS_PER_INCH, metadata={"Software": None})
