"""Differences as points with their intervals, the margin as a line."""

from matplotlib.figure import Figure

from shared_transformer_tf.study.report import verdicts, wording
from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.pictures import style
from shared_transformer_tf.study.report.verdicts import Difference

_COLOURS = {
    verdicts.NOT_WORSE: "#0072B2",
    verdicts.UNDECIDED: style.GREY,
    verdicts.WORSE: "#D55E00",
}
_MARKERS = {
    verdicts.NOT_WORSE: "o",
    verdicts.UNDECIDED: "s",
    verdicts.WORSE: "X",
}
# Where no margin is asked about, the sign: it looks as the verdict does.
_LOOKS_LIKE = {
    verdicts.HIGHER: verdicts.NOT_WORSE,
    verdicts.NOT_TOLD_APART: verdicts.UNDECIDED,
    verdicts.LOWER: verdicts.WORSE,
}


def tuned_against_shared(evidence: Evidence) -> Figure | None:
    """Returns tuned - shared by task and on the mean, if there is any."""
    found = dict(evidence.by_task("tuned", "shared"))
    if not found:
        return None
    several = len(found) > 1
    if several:
        mean = evidence.bootstrap.difference("tuned", "shared")
        found[f"mean of {len(found)}"] = mean
    drawn = _draw(found, "BLEU of tuned minus BLEU of shared, by task")
    if several:
        axes = drawn.axes[0]
        axes.axhline(len(found) - 1.5, color="black", linewidth=0.8)
        axes.get_yticklabels()[-1].set_fontweight("bold")
    return drawn


def ablations(evidence: Evidence) -> Figure | None:
    """Returns each ablation - shared on the main task, if there is any."""
    task = evidence.results.main_task
    found = {
        arm: evidence.bootstrap.difference(arm, "shared", [task])
        for arm in evidence.ablations
    }
    found = {arm: one for arm, one in found.items() if one}
    if not found:
        return None
    title = f"BLEU of each ablation minus BLEU of shared, {task}"
    return _draw(found, title, by_margin=False)


def _draw(
    found: dict[str, Difference], title: str, by_margin: bool = True
) -> Figure:
    drawn = style.figure(1.7 + 0.36 * len(found))
    axes = drawn.subplots()
    for row, one in enumerate(found.values()):
        word = one.verdict if by_margin else one.direction
        look = _LOOKS_LIKE.get(word, word)
        colour = _COLOURS[look]
        if one.seed_interval:
            axes.plot(one.seed_interval, [row] * 2, color=colour, linewidth=0.8)
        axes.plot(one.interval, [row] * 2, color=colour, linewidth=3, alpha=0.6)
        axes.plot(one.value, row, _MARKERS[look], color=colour)
        axes.annotate(
            f"{wording.signed(one.value)}  {word}",
            (1.02, row),
            xycoords=("axes fraction", "data"),
            color=colour,
            va="center",
        )
    axes.axvline(0, color="black", linewidth=0.8)
    margin = next(iter(found.values())).margin
    if by_margin:
        axes.axvline(-margin, color="black", linewidth=1, linestyle="--")
    axes.set_yticks(range(len(found)), list(found))
    axes.set_ylim(len(found) - 0.3, -0.7)
    seeds = any(one.seed_interval for one in found.values())
    style.tidy(
        axes,
        title,
        "difference in BLEU; thick: 95% over test sentences, which decides"
        + ("; thin: over seeds too" if seeds else "; one seed each")
        + f"\ndashed: the margin, {wording.signed(-margin)} BLEU" * by_margin,
    )
    axes.grid(axis="y", alpha=0)
    return drawn
