"""How fast each arm learns: by updates, tokens, FLOPs and seconds."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.pictures import style
from shared_transformer_tf.study.report.result_set import Result, trained_on

Point = Mapping[str, float]
_X = {
    "updates": lambda point: point["update"],
    "target tokens": lambda point: point["tokens"],
    "FLOPs of training": lambda point: point["flops"],
    "minutes": lambda point: point["seconds"] / 60,
}


def of_main_task(evidence: Evidence) -> Figure | None:
    """Returns dev BLEU on the main task, over each way to count."""
    task = evidence.results.main_task
    arms = _main_arms_with(evidence, task, "curve")
    if not arms:
        return None
    drawn = style.figure(7.2)
    grid = drawn.subplots(2, 2, sharey=True)
    for axes, (label, x) in zip(grid.flat, _X.items(), strict=True):
        timed = label == "minutes"
        cells = evidence.results.timed if timed else None
        _draw(axes, evidence, (task, arms, "curve"), x, _bleu, cells)
        some = timed and not _all_timed(evidence, task)
        which = _kind(evidence, task) if some else ""
        style.tidy(axes, f"by {label}{which}", label, "dev BLEU")
        _leave_out_the_start(axes)
    _legend(drawn, arms)
    drawn.suptitle(f"Dev BLEU while training, {_where(evidence, arms)}")
    return drawn


def of_all_tasks(evidence: Evidence) -> Figure | None:
    """Returns dev BLEU over FLOPs, a panel for each task."""
    results = evidence.results
    arms = [
        arm
        for arm in evidence.main_arms
        if any(arm in _arms_with(evidence, t, "curve") for t in results.tasks)
    ]
    if len(results.tasks) < 2 or not arms:
        return None
    columns = 3
    rows = -(-len(results.tasks) // columns)
    drawn = style.figure(1.0 + 2.3 * rows)
    grid = list(drawn.subplots(rows, columns, squeeze=False).flat)
    label = "FLOPs of training"
    for axes, task in zip(grid, results.tasks, strict=False):
        _draw(axes, evidence, (task, arms, "curve"), _X[label], _bleu)
        style.tidy(axes, task, label, "dev BLEU")
        _leave_out_the_start(axes)
    for axes in grid[len(results.tasks) :]:
        axes.set_axis_off()
    _legend(drawn, arms)
    drawn.suptitle("Dev BLEU over the FLOPs of training, by task")
    return drawn


def of_training(evidence: Evidence) -> Figure | None:
    """Returns training loss and gradient norm on the main task."""
    task = evidence.results.main_task
    arms = _main_arms_with(evidence, task, "training_curve")
    if not arms:
        return None
    drawn = style.figure(4.4)
    panels = {
        "training loss": "nats per target token, label-smoothed",
        "norm of the gradient": "global norm before clipping",
    }
    x = _X["target tokens"]
    values = (lambda point: point["loss"], lambda p: p["gradient_norm"])
    grid = drawn.subplots(1, 2)
    for axes, title, y in zip(grid, panels, values, strict=True):
        _draw(axes, evidence, (task, arms, "training_curve"), x, y)
        style.tidy(axes, title, "target tokens", panels[title])
    _legend(drawn, arms)
    drawn.suptitle(f"What the optimizer saw, {_where(evidence, arms)}")
    return drawn


def of_ablations(evidence: Evidence) -> Figure | None:
    """Returns dev BLEU of shared and of its ablations, over tokens."""
    task = evidence.results.main_task
    chosen = ("shared", *evidence.ablations)
    arms = [a for a in _arms_with(evidence, task, "curve") if a in chosen]
    if len(arms) < 2:
        return None
    drawn = style.figure(4.6)
    axes = drawn.subplots()
    label = "target tokens"
    _draw(axes, evidence, (task, arms, "curve"), _X[label], _bleu)
    style.tidy(
        axes,
        f"Dev BLEU of shared and its ablations, {_where(evidence, arms)}",
        label,
        "dev BLEU",
    )
    _leave_out_the_start(axes)
    ends = {
        line.get_label(): (
            line.get_xdata()[-1],
            line.get_ydata()[-1],
            line.get_color(),
        )
        for line in axes.get_lines()
    }
    style.label_ends(axes, ends, 0.055)
    return drawn


def mean_curve(
    cells: Sequence[Result],
    field: str,
    x: Callable[[Point], float],
    y: Callable[[Point], float],
) -> tuple[np.ndarray, np.ndarray]:
    """Returns x and y of the n-th point, as means over seeds.

    Where seeds have unequally many points, those that all have.
    """
    length = min(len(cell[field]) for cell in cells)
    return tuple(
        np.mean(
            [[value(p) for p in cell[field][:length]] for cell in cells], axis=0
        )
        for value in (x, y)
    )


def _where(evidence: Evidence, arms: Sequence[str]) -> str:
    task = evidence.results.main_task
    seeds = max(len(evidence.results.of(task, arm)) for arm in arms)
    return f"{task}; {'mean over seeds' if seeds > 1 else 'one seed'}"


def _all_timed(evidence: Evidence, task: str) -> bool:
    results = evidence.results
    return all(
        len(results.timed(task, arm)) == len(results.of(task, arm))
        for arm in results.arms
    )


def _kind(evidence: Evidence, task: str) -> str:
    """Says which cells are timed, in a few words."""
    results = evidence.results
    timed = [c for arm in results.arms for c in results.timed(task, arm)]
    if any(kind for kind, _ in map(trained_on, timed)):
        return ", cells on one kind of processor"
    return ", cells without a noted processor"


def _bleu(point: Point) -> float:
    return point["bleu"]


def _arms_with(evidence: Evidence, task: str, field: str) -> list[str]:
    """Returns arms whose cells of a task all have points."""
    return [
        arm
        for arm in evidence.results.arms
        if (cells := evidence.results.of(task, arm))
        and all(cell[field] for cell in cells)
    ]


def _main_arms_with(evidence: Evidence, task: str, field: str) -> list[str]:
    arms = _arms_with(evidence, task, field)
    return [arm for arm in arms if arm in evidence.main_arms] or arms


def _draw(axes, evidence: Evidence, which: tuple, x, y, cells_of=None) -> None:
    task, arms, field = which
    cells_of = cells_of or evidence.results.of
    looks = style.looks(evidence.results.arms)
    for arm in arms:
        cells = cells_of(task, arm)
        if not cells or not all(cell[field] for cell in cells):
            continue
        axes.plot(
            *mean_curve(cells, field, x, y),
            color=looks[arm].colour,
            linestyle=looks[arm].line,
            marker=looks[arm].marker if field == "curve" else None,
            markersize=3.5,
            linewidth=1.4,
            label=arm,
        )


def _leave_out_the_start(axes) -> None:
    """Shows the upper half: the steep beginning would flatten the rest."""
    high = max(max(line.get_ydata()) for line in axes.get_lines())
    low = min(min(line.get_ydata()) for line in axes.get_lines())
    if high > 0:
        axes.set_ylim(max(low, high / 2) - 0.02 * high, 1.02 * high)


def _legend(drawn: Figure, arms: Sequence[str]) -> None:
    handles = {}
    for axes in drawn.axes:
        for handle, arm in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(arm, handle)
    shown = [arm for arm in arms if arm in handles]
    drawn.legend(
        [handles[arm] for arm in shown],
        shown,
        loc="outside lower center",
        ncols=min(6 if len(shown) < 7 else 4, len(shown)),
        frameon=False,
        fontsize=9,
        handlelength=3,
    )
