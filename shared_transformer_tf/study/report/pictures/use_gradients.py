"""Gradients of each use: how long they are and how they agree."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from shared_transformer_tf.study.report import use_gradients
from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.pictures import style

_COLOURS = {
    "self_attention": ("#0072B2", "-", "o"),
    "cross_attention": ("#D55E00", "--", "^"),
    "feed_forward": ("#008060", "-.", "s"),
}


def of_shared(evidence: Evidence) -> Figure | None:
    """Returns norms and cosines in the arm `shared`, if it has them."""
    task = evidence.results.main_task
    cells = [c for c in evidence.results.of(task, "shared") if c["gradients"]]
    found = use_gradients.series(cells[0]) if cells else {}
    if not found:
        return None
    drawn = style.figure(6.4)
    grid = drawn.subplots(2, 2, sharex=True, sharey="row")
    for column, stack in enumerate(use_gradients.STACKS):
        of_stack = {kind: s for (st, kind), s in found.items() if st == stack}
        for kind, one in of_stack.items():
            colour, line, marker = _COLOURS[kind]
            look = {"color": colour, "linestyle": line, "marker": marker}
            look |= {"markersize": 4, "label": kind.replace("_", "-")}
            grid[0, column].plot(one.tokens, one.norm, **look)
            grid[0, column].fill_between(
                one.tokens, one.lowest, one.highest, color=colour, alpha=0.15
            )
            grid[1, column].plot(one.tokens, one.cosine, **look)
        uses = max((s.uses for s in of_stack.values()), default=0)
        style.tidy(
            grid[0, column],
            f"{stack}: norm of one use's gradient",
            "",
            "norm (band: smallest to largest use)" if not column else "",
        )
        style.tidy(
            grid[1, column],
            f"{stack}: cosine between the {uses} uses",
            "target tokens",
            "cosine" if not column else "",
        )
        grid[0, column].set_yscale("log")
        grid[0, column].yaxis.set_major_locator(
            LogLocator(subs=(1, 1.5, 2, 3, 5, 7))
        )
        grid[0, column].yaxis.set_major_formatter("{x:g}")
        grid[0, column].yaxis.set_minor_locator(NullLocator())
        grid[1, column].axhline(0, color="black", linewidth=0.6)
    grid[0, 1].legend(frameon=False, fontsize=9)
    drawn.suptitle(
        f"Gradients of each use in shared, {task}, seed {cells[0]['seed']}; "
        "mean over blocks"
    )
    return drawn


def of_arms(evidence: Evidence) -> Figure | None:
    """Returns the mean cosine between uses of every arm that shares."""
    task = evidence.results.main_task
    curves, seeds = {}, set()
    for arm in evidence.results.arms:
        found = use_gradients.cosines(evidence.results.of(task, arm))
        if found:
            curves[arm] = _over_seeds(found)
            seeds.add(len(found))
    if not curves:
        return None
    drawn = style.figure(4.2)
    axes = drawn.subplots()
    looks = style.looks(evidence.results.arms)
    for arm, (tokens, cosines) in curves.items():
        axes.fill_between(
            tokens,
            cosines.min(0),
            cosines.max(0),
            color=looks[arm].colour,
            alpha=0.15,
        )
        axes.plot(
            tokens,
            cosines.mean(0),
            color=looks[arm].colour,
            linestyle=looks[arm].line,
            marker=looks[arm].marker,
            markersize=4,
        )
    style.tidy(
        axes,
        f"Cosine between gradients of a sublayer's uses, {task}; mean over "
        + ("sublayers" if seeds == {1} else "sublayers, band: seeds"),
        "target tokens",
        "cosine",
    )
    ends = {
        arm: (tokens[-1], cosines.mean(0)[-1], looks[arm].colour)
        for arm, (tokens, cosines) in curves.items()
    }
    style.label_ends(axes, ends, 0.055)
    return drawn


def _over_seeds(
    curves: Sequence[tuple[np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray]:
    """Returns mean tokens (moments,) and cosines (seeds, moments).

    Where seeds have unequally many moments, those that all have.
    """
    length = min(len(tokens) for tokens, _ in curves)
    tokens, cosines = (
        np.stack([values[:length] for values in columns])
        for columns in zip(*curves, strict=True)
    )
    return tokens.mean(0), cosines
