"""Findings on what happens to the gradients of weights used several times."""

from statistics import fmean

from shared_transformer_tf.study.report import (
    gradient_rules,
    use_gradients,
    wording,
)
from shared_transformer_tf.study.report.differences import (
    in_short,
    seeds_apart,
)
from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.finding import Finding


def gradients(evidence: Evidence) -> Finding:
    """Returns how gradients of the uses of a weight lie to each other."""
    question = "How do per-use gradient norms and cosines develop?"
    task = evidence.results.main_task
    cells = evidence.results.of(task, "shared")
    cells = [cell for cell in cells if use_gradients.cosine(cell)]
    if not cells:
        short = "not answered: no statistics per use of `shared`"
        return Finding(question, short, "")
    tokens, cosine = use_gradients.cosine(cells[0])
    first, last = cosine[0], cosine[-1]
    shared = [
        one for one in use_gradients.series(cells[0]).values() if one.uses > 1
    ]
    uses = max(one.uses for one in shared)
    longer = fmean(one.total[-1] / one.norm[-1] for one in shared)
    short = f"cosine {first:.2f} at first, {last:.2f} at the end"
    answer = (
        f"The gradients of a sublayer's {uses} uses in `shared` ({task}, one "
        f"seed, mean over sublayers) have a cosine of {first:.2f} after "
        f"{wording.amount(tokens[0])} target tokens and {last:.2f} after "
        f"{wording.amount(tokens[-1])}; their sum is then {longer:.2f} times "
        "as long as one of them. No interval: one training."
    )
    return Finding(question, short, answer)


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
