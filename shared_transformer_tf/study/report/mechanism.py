"""Findings on what happens to the gradients of weights used several times."""

from collections.abc import Sequence
from statistics import fmean

from shared_transformer_tf.study.report import (
    gradient_rules,
    learning_rates,
    use_gradients,
    wording,
)
from shared_transformer_tf.study.report.differences import (
    in_short,
    seeds_apart,
)
from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.finding import Finding
from shared_transformer_tf.study.report.result_set import Result


def gradients(evidence: Evidence) -> Finding:
    """Returns how gradients of the uses of a weight lie to each other."""
    question = "How do per-use gradient norms and cosines develop?"
    task = evidence.results.main_task
    cells = [
        cell
        for cell in evidence.results.of(task, "shared")
        if use_gradients.of_shared(cell)
    ]
    curves = use_gradients.cosines(cells)
    if not curves:
        short = "not answered: no statistics per use of `shared`"
        return Finding(question, short, "")
    first, last = (
        wording.spread([cosine[end] for _, cosine in curves], 2)
        for end in (0, -1)
    )
    tokens, _ = curves[0]
    norms = [
        wording.spread([_norm(cell, end) for cell in cells], 3)
        for end in (0, -1)
    ]
    uses, longer = _lengthening(cells)
    seeds = wording.number_of(len(curves), "seed")
    short = f"cosine {first} at first, {last} at the end"
    answer = (
        f"The gradients of a sublayer's {uses} uses in `shared` ({task}, "
        f"{seeds}, mean over sublayers) have a cosine of {first} after "
        f"{wording.amount(tokens[0])} target tokens and {last} after "
        f"{wording.amount(tokens[-1])}; their sum is then "
        f"{wording.spread(longer, 2)} times as long as one of them, whose norm "
        f"was {norms[0]} at first and is {norms[1]}. "
    )
    return Finding(
        question,
        short,
        answer
        + (
            "No interval: one training."
            if len(curves) == 1
            else "With the standard deviation over seeds."
        ),
    )


def _norm(cell: Result, moment: int) -> float:
    """Returns the mean norm of one use's gradient, of sublayers used often."""
    return fmean(one.norm[moment] for one in use_gradients.of_shared(cell))


def _lengthening(cells: Sequence[Result]) -> tuple[int, list[float]]:
    """Returns the uses of a sublayer, and a ratio at the end of each cell.

    That of the length of the aggregated gradient to the mean of its uses'.
    """
    shared = list(map(use_gradients.of_shared, cells))
    return max(one.uses for of_cell in shared for one in of_cell), [
        fmean(one.total[-1] / one.norm[-1] for one in of_cell)
        for of_cell in shared
    ]


def other_function(evidence: Evidence, system: str, baseline: str) -> str:
    """Says where settings that were found change what a model computes."""
    name = "model.residual_scale"
    scales = [
        cells[0]["settings"].get(name, "none")
        for arm in (system, baseline)
        if (cells := evidence.results.of(arm=arm))
    ]
    if len(set(scales)) < 2:
        return ""
    told = (
        f" {wording.code(system)} has the residual scale "
        f"{wording.code(scales[0])} besides, {wording.code(baseline)} "
        f"{wording.code(scales[1])}: another function of equal weights."
    )
    if baseline == "shared" and scales == ["inverse_uses", "none"]:
        told += _scale_alone(evidence, system)
    return told


def _scale_alone(evidence: Evidence, system: str) -> str:
    """Takes a gain apart where an ablation can: on the main task."""
    task, scale = evidence.results.main_task, "residual_uses"
    pairs = ((system, "shared"), (scale, "shared"), (system, scale))
    parts = [evidence.bootstrap.difference(*pair, [task]) for pair in pairs]
    if None in parts:
        return ""
    whole, alone, rest = parts
    return (
        f" On {task} the gain is {in_short(whole)}: that scale alone gives "
        f"`shared` {in_short(alone)} (`{scale}`), all other settings that were "
        f"found {in_short(rest)} more, {rest.direction}{seeds_apart(rest)}."
    )


def _at_better_rates(evidence: Evidence, arms: Sequence[str]) -> str:
    """Says which arms had a better learning rate than the one used."""
    results = evidence.results
    told = [
        f"{wording.code(sweep.arm)} {wording.signed(sweep.ahead)} at "
        f"{sweep.best:.3g}"
        for sweep in learning_rates.sweeps(results, [results.main_task])
        if sweep.arm in arms and sweep.ahead > 0
    ]
    if not told:
        return ""
    return (
        " Learning rates were not tuned for each of them: by dev BLEU, of "
        f"single trainings, another was ahead for {', '.join(told)}."
    )


def rules(evidence: Evidence) -> Finding:
    """Returns what each ablation did against `shared`."""
    question = "What did each gradient rule and scale do?"
    task = evidence.results.main_task
    found = {
        arm: one
        for arm in evidence.ablations
        if (one := evidence.bootstrap.difference(arm, "shared", [task]))
    }
    if not found:
        short = "not answered: no ablation was run beside `shared`"
        return Finding(question, short, "")
    short = "; ".join(
        f"{wording.code(arm)} {wording.signed(one.value)} ({one.direction}"
        f"{seeds_apart(one)})"
        for arm, one in found.items()
    )
    each = "; ".join(
        f"{wording.code(arm)} {in_short(one)}, {one.direction}"
        f"{seeds_apart(one)}"
        for arm, one in found.items()
    )
    answer = f"Against `shared`, BLEU on {task} alone: {each}."
    if "update_uses" in found:
        answer += (
            " `update_uses` divides the updates of all weights by their uses, "
            "those of the embeddings too, which `vanilla` uses as often: how "
            "much of it is due to shared layers is not told."
        )
    answer += _at_better_rates(evidence, list(found))
    if gradient_rules.divided_out(evidence):
        answer += (
            " `uses` and `sqrt_uses` are constant factors, which Adam divides "
            "out: that such a factor changes nothing is an identity."
        )
        if gradient_rules.clipped(evidence):
            answer += (
                " But the clip of the global norm acted here, and they "
                "shorten what is clipped."
            )
    return Finding(question, short, answer)
