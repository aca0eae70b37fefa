"""What the tuner tried, and which settings mattered."""

from matplotlib.figure import Figure

from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.pictures import style
from shared_transformer_tf.study.report.result_set import Result

_RATE = "training.learning_rate"


def trials_and_importance(evidence: Evidence) -> Figure | None:
    """Returns a row for each search, if there is any."""
    searches = {
        arm: search
        for arm, search in evidence.results.searches.items()
        if any(_scored(trial) for trial in search["trials"])
    }
    if not searches:
        return None
    drawn = style.figure(0.8 + 3.2 * len(searches))
    grid = drawn.subplots(len(searches), 2, squeeze=False)
    looks = style.looks(evidence.results.arms)
    for (left, right), (arm, search) in zip(
        grid, searches.items(), strict=True
    ):
        colour = looks[arm].colour if arm in looks else style.GREY
        _draw_trials(left, arm, search, colour)
        _draw_importance(right, arm, search, colour)
    drawn.suptitle("Searches: every trial, and what the score depends on")
    return drawn


def _scored(trial: Result) -> bool:
    return trial.get("score") is not None and _RATE in trial["settings"]


def _draw_trials(axes, arm: str, search: Result, colour: str) -> None:
    trials = [trial for trial in search["trials"] if _scored(trial)]
    budget = search["budget_tokens"]
    for full, marker, label in (
        (True, "o", "whole budget"),
        (False, "x", "stopped early"),
    ):
        shown = [t for t in trials if (t["tokens"] >= 0.99 * budget) == full]
        if shown:
            axes.plot(
                [t["settings"][_RATE] for t in shown],
                [t["score"] for t in shown],
                marker,
                color=colour,
                alpha=0.7,
                label=label,
            )
    chosen = search["settings"].get(_RATE)
    if chosen:
        axes.axvline(
            chosen,
            color="black",
            linewidth=0.9,
            linestyle=":",
            label=f"chosen: {chosen:.3g}",
        )
    axes.set_xscale("log")
    axes.legend(
        frameon=False,
        fontsize=8,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.2),
        ncols=3,
        columnspacing=0.8,
        handletextpad=0.2,
    )
    objective = f"dev {search['objective']}".replace("bleu", "BLEU")
    title = f"{arm}, {search['task']}: {len(search['trials'])} trials"
    style.tidy(axes, title, "learning rate", objective)


def _draw_importance(axes, arm: str, search: Result, colour: str) -> None:
    importance = {
        field: told["explained"] for field, told in search["importance"].items()
    }
    if not importance:
        axes.set_axis_off()
        return
    fields = sorted(importance, key=importance.get)
    bars = axes.barh(
        [field.rpartition(".")[2] for field in fields],
        [100 * importance[field] for field in fields],
        color=colour,
        alpha=0.7,
    )
    axes.bar_label(bars, fmt="%.0f%%", padding=3, fontsize=9)
    axes.margins(x=0.15)
    style.tidy(axes, f"{arm}: importance", "part of the ranks it explains, %")
    axes.grid(axis="y", alpha=0)
