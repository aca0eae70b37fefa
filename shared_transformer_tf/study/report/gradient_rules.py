"""What the ablations change, and which of them can act at all."""

import statistics
from collections.abc import Sequence
from statistics import fmean

from shared_transformer_tf.study.report import wording
from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.result_set import Result

# What an arm changes against `shared`, and how that may act under Adam.
CHANGES = {
    "shared_cycle_rev": ("the schedule is `cycle_rev`", "another model"),
    "uses": ("gradient g / N", "constant factor: an identity"),
    "sqrt_uses": ("gradient g / sqrt(N)", "constant factor: an identity"),
    "unit": (
        "mean of g_u / norm of g_u, as long as g",
        "turns the gradient",
    ),
    "update_uses": (
        "learning rate of a weight / N, of the embeddings too",
        "the step itself",
    ),
    "residual_uses": ("residual branches x 1/N", "another function"),
}
CONSTANT = ("uses", "sqrt_uses")
_ADAM = ("adam", "adamw")


def divided_out(evidence: Evidence) -> bool:
    """Returns whether constant factors were tried, under Adam alone."""
    cells = _with_constant_factors(evidence)
    optimizers = {_of_training(cell, "optimizer") for cell in cells}
    return bool(cells) and optimizers <= set(_ADAM)


def clipped(evidence: Evidence) -> bool:
    """Returns whether the clip of the global norm is seen to have acted.

    A factor shortens what is clipped, so there it is no identity.
    """
    bounds, largest = _clip_and_norm(_compared(evidence))
    return len(bounds) == 1 and 0 < max(bounds) <= (largest or 0.0)


def identity(evidence: Evidence) -> str:
    """Returns what a constant factor can and cannot do in this study."""
    cells = _with_constant_factors(evidence)
    text = (
        "Adam divides a constant factor of the gradient out. Under it, "
        "`uses` (g / N) and `sqrt_uses` (g / sqrt(N)) act through epsilon, "
        "rounding and the clip of the global norm alone: **that they change "
        "nothing is an identity, not a finding about sharing**. What acts "
        "under Adam turns the gradient (`unit`), changes the step "
        "(`update_uses`) or the function (`residual_uses`)."
    )
    if not cells:
        return text
    if not divided_out(evidence):
        optimizers = sorted({_of_training(cell, "optimizer") for cell in cells})
        return (
            f"These arms were trained with {wording.listed(optimizers)}. "
            "Outside of Adam a constant factor of the gradient acts fully, as "
            "another learning rate. " + text
        )
    return " ".join([text, _clip(_compared(evidence)), _noise(evidence)])


def _noise(evidence: Evidence) -> str:
    """Says how far trainings lie apart that differ by a constant factor."""
    task, bootstrap = evidence.results.main_task, evidence.bootstrap
    arms = ("shared", *CONSTANT)
    seeds = bootstrap.seeds(task, *arms)
    if clipped(evidence) or not seeds:
        return ""
    scores = {
        (c["arm"], c["seed"]): c["test"]["bleu"]
        for c in evidence.results.of(task)
    }
    variance = fmean(
        statistics.variance([scores[arm, seed] for arm in arms])
        for seed in seeds
    )
    return (
        "With the same seed `shared`, `uses` and `sqrt_uses` have a standard "
        f"deviation of {variance**0.5:.2f} BLEU on {task}: a difference of "
        "two single trainings has to be about three times as large before it "
        "means anything."
    )


def table(evidence: Evidence) -> str:
    """Returns what each ablation changes and its BLEU against `shared`."""
    task = evidence.results.main_task
    rows = []
    for arm in evidence.ablations:
        cells = evidence.results.of(task, arm)
        if not cells:
            continue
        change, acts = CHANGES.get(
            arm, (wording.settings(cells[0]["settings"]), "see its settings")
        )
        bleu = wording.spread(evidence.bootstrap.bleu(task, arm))
        found = evidence.bootstrap.difference(arm, "shared", [task])
        told = ["–"] * 3
        if found:
            told = [
                f"{wording.signed(found.value)} "
                f"{wording.interval(found.interval)}",
                found.direction,
                wording.interval(found.seed_interval)
                if found.seed_interval
                else "one seed",
            ]
        rows.append([wording.code(arm), change, acts, bleu, *told])
    if not rows:
        return "No ablation was run."
    header = [
        f"arm, {task}",
        "against `shared`",
        "under Adam",
        "test BLEU",
        "minus `shared`",
        "sign",
        "with seeds",
    ]
    return (
        wording.table(header, rows, texts=(0, 1, 2, 5))
        + "\n\nEach arm is compared by itself: the signs are not corrected for "
        f"being {len(rows)}."
    )


def of_search(search: Result) -> str:
    """Returns what has to be known of the rule that a search chose."""
    rule = search["settings"].get("training.gradient_rule")
    if rule not in CONSTANT:
        return ""
    return (
        f"`{rule}` is a constant factor, which Adam divides out: there it "
        "acts through epsilon and the clip of the global norm alone. "
    )


def _with_constant_factors(evidence: Evidence) -> list[Result]:
    return [cell for arm in CONSTANT for cell in evidence.results.of(arm=arm)]


def _compared(evidence: Evidence) -> list[Result]:
    """Cells with constant factors, and those that they are compared with.

    The rules shorten what is clipped, so `shared` may be clipped alone.
    """
    cells = _with_constant_factors(evidence)
    tasks = {cell["task"] for cell in cells}
    of_shared = evidence.results.of(arm="shared")
    return [*cells, *(cell for cell in of_shared if cell["task"] in tasks)]


def _clip_and_norm(cells: Sequence[Result]) -> tuple[set, float | None]:
    """Bounds of the global norm, and the largest norm that is known."""
    norms = (
        point.get("gradient_norm")
        for cell in cells
        for point in cell["training_curve"]
    )
    return (
        {_of_training(cell, "clip_norm") for cell in cells},
        max((norm for norm in norms if norm is not None), default=None),
    )


def _clip(cells: Sequence[Result]) -> str:
    """Says whether the clip of the global norm can have acted."""
    bounds, largest = _clip_and_norm(cells)
    if bounds == {0.0} or bounds == {0}:
        return "No norm was clipped here."
    if largest is None or len(bounds) > 1:
        return "The clip of the global norm was on here."
    (bound,) = bounds
    seen = (
        f"The global norm was clipped at {wording.setting(bound)}; the "
        "training curves of these arms and of `shared`, whose points are means "
        f"over some updates, show {largest:.2f} at most"
    )
    if largest >= bound:
        return (
            f"{seen}, so the clip acted. A difference of these arms from "
            "`shared` may be its doing."
        )
    return (
        f"{seen}: no sign that the clip acted. A difference of `uses` and "
        "`sqrt_uses` from `shared` is then what epsilon and rounding grow to "
        "over a training: noise like that of a seed."
    )


def _of_training(cell: Result, field: str):
    return cell["config"]["training"].get(field)
