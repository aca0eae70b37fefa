"""BLEU against FLOPs: what each arm reaches and what it costs."""

from statistics import fmean, stdev

from matplotlib.figure import Figure

from shared_transformer_tf.study.report import wording
from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.pictures import style


def bleu_by_flops(evidence: Evidence) -> Figure | None:
    """Returns test BLEU over FLOPs per token.

    On the left the mean over tasks, of those that the arms have in common;
    on the right the main task and the spread of seeds. Ablations cost what
    `shared` costs and have a picture of their own.
    """
    results = evidence.results
    means = {
        arm: (
            evidence.mean(arm, "flops_per_token"),
            [bleu],
            evidence.mean(arm, "weights"),
        )
        for arm in evidence.main_arms
        if (bleu := evidence.mean_bleu(arm)) is not None
    }
    task = results.main_task
    of_task = {}
    for arm in evidence.main_arms:
        cells = results.of(task, arm)
        if cells:
            of_task[arm] = (
                fmean(cell["flops_per_token"] for cell in cells),
                [cell["test"]["bleu"] for cell in cells],
                cells[0]["weights"],
            )
    tasks = evidence.common_tasks
    seeds = max((len(bleu) for _, bleu, _ in of_task.values()), default=0)
    bars = "bars: standard deviation of seeds" if seeds > 1 else "one seed"
    panels = [(of_task, f"{task}; {bars}")]
    if not of_task:
        return None
    if len(results.tasks) > 1 and means:
        over = wording.number_of(len(tasks), "task")
        panels.insert(0, (means, f"mean over {over}"))
    drawn = style.figure(4.6)
    grid = drawn.subplots(1, len(panels), squeeze=False)[0]
    for axes, (points, title) in zip(grid, panels, strict=True):
        _draw(axes, points, style.looks(results.arms))
        several = any(len(bleu) > 1 for _, bleu, _ in points.values())
        beside = ", equal ones side by side" if several else ""
        style.tidy(axes, title, f"FLOPs per target token{beside}", "test BLEU")
    drawn.suptitle(
        "Test BLEU against the FLOPs of training on one token; "
        "beside each arm its weights"
    )
    return drawn


def _draw(axes, points, looks) -> None:
    columns = _columns(points)
    middle = [flops for flops, _, _ in points.values()]
    width = max(middle) - min(middle) or max(middle)
    label_at = []
    for arms in columns:
        bars = any(len(points[arm][1]) > 1 for arm in arms)
        # side by side: no bar hides another
        step = 0.05 * width if bars else 0.0
        half = step * (len(arms) - 1) / 2
        for number, arm in enumerate(arms):
            flops, bleu, _ = points[arm]
            axes.errorbar(
                flops - half + number * step,
                fmean(bleu),
                yerr=stdev(bleu) if len(bleu) > 1 else None,
                fmt=looks[arm].marker,
                color=looks[arm].colour,
                markersize=8,
                capsize=3,
            )
        last = max(points[arm][0] for arm in arms)
        label_at.append(last + half + 0.08 * width)
    axes.margins(y=0.12)
    axes.set_xlim(min(middle) - 0.2 * width, max(middle) + 0.95 * width)
    for arms, x in zip(columns, label_at, strict=True):
        _label(axes, {arm: points[arm] for arm in arms}, looks, x)


def _columns(points) -> list[list[str]]:
    """Returns the arms by their FLOPs, those of about equal FLOPs together."""
    columns: dict[str, list[str]] = {}
    for arm, (flops, _, _) in points.items():
        columns.setdefault(f"{flops:.2g}", []).append(arm)
    return list(columns.values())


def _label(axes, points, looks, x: float) -> None:
    """Writes arms and weights beside a column, none on another."""
    low, high = axes.get_ylim()
    height = {
        arm: (fmean(bleu) - low) / (high - low)
        for arm, (_, bleu, _) in points.items()
    }
    arms = sorted(points, key=height.get)
    places = style.spaced([height[arm] for arm in arms], 0.05)
    for arm, place in zip(arms, places, strict=True):
        axes.text(
            x,
            low + place * (high - low),
            f"{arm}, {wording.amount(points[arm][2])}",
            color=looks[arm].colour,
            fontsize=8.5,
            va="center",
        )
