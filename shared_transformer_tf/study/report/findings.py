"""What a study found, each claim with its number and its interval.

Every question has an answer: that it is not answered, where its arms were not
run.
"""

from shared_transformer_tf.study.report import (
    learning_rates,
    mechanism,
    result_set,
    tables,
    verdicts,
    wording,
)
from shared_transformer_tf.study.report.differences import (
    in_short,
    measured,
    over_tasks,
    seeds_said,
    sign_in_short,
    updates_said,
    weights_said,
)
from shared_transformer_tf.study.report.evidence import (
    LEAST_BLEU,
    Evidence,
)
from shared_transformer_tf.study.report.finding import Finding, not_answered


def findings(evidence: Evidence) -> list[Finding]:
    """Returns an answer to each question, the primary one first."""
    return [
        _primary(evidence),
        _gain(evidence),
        _convergence(evidence),
        *(_lifted(evidence, *question) for question in _LIFTED),
        mechanism.gradients(evidence),
        mechanism.rules(evidence),
    ]


def warnings(evidence: Evidence) -> list[str]:
    """Returns what a reader of the findings has to know beside them."""
    told = []
    if evidence.unlearned:
        told.append(
            f"**Learned next to nothing** (test BLEU below {LEAST_BLEU:g}): "
            f"{wording.listed(evidence.unlearned)}. A comparison with them "
            "says nothing; look for a mistake first."
        )
    if diverged := evidence.results.diverged:
        told.append(
            "Diverged, and so without any score: "
            f"{wording.listed(map(result_set.name, diverged))}. What is "
            "compared leaves them out."
        )
    if evidence.missing:
        were = "was" if len(evidence.missing) == 1 else "were"
        told.append(
            f"{len(evidence.missing)} of {len(evidence.planned or ())} "
            f"planned cells {were} not run; the report lists them."
        )
    return told


def _primary(evidence: Evidence) -> Finding:
    ratio = evidence.relative("flops_per_token", "shared", "tuned")
    times = "2x" if ratio is None else f"{ratio:.2f}x"
    question = (
        f"Is `tuned` (1x) not worse than `shared` ({times} its FLOPs per "
        f"token), at a margin of {evidence.margin} BLEU?"
    )
    mean = evidence.bootstrap.difference("tuned", "shared")
    if mean is None:
        return not_answered(question, "tuned", "shared")
    answer = (
        f"`tuned` minus `shared`, which takes {times} its FLOPs per token"
        f"{updates_said(evidence, 'shared', 'tuned', ' and')}: "
        f"{measured(mean)} {over_tasks(evidence, mean)}: **{mean.verdict}** "
        f"at the margin of {evidence.margin}. {seeds_said(mean, verdict=True)} "
    )
    if len(mean.tasks) > 1:
        answer += _counted(evidence)
    answer += _without_tuning(evidence)
    short = f"**{mean.verdict}**: {in_short(mean)}"
    if mean.seed_verdict not in (None, mean.verdict):
        short += f", with the spread of seeds **{mean.seed_verdict}**"
    return Finding(question, short, answer.rstrip())


def _counted(evidence: Evidence) -> str:
    """Counts the verdicts of tasks, and those that other seeds leave."""
    every = evidence.by_task("tuned", "shared")
    by_verdict: dict[str, list[str]] = {}
    for task, one in every.items():
        by_verdict.setdefault(one.verdict, []).append(task)
    counted = "; ".join(
        f"{kind} in {len(by_verdict.get(kind, []))}"
        + (f" ({', '.join(by_verdict[kind])})" if kind in by_verdict else "")
        for kind in (verdicts.NOT_WORSE, verdicts.WORSE, verdicts.UNDECIDED)
    )
    told = f"Of the {len(every)} tasks by themselves, over sentences: {counted}"
    seeds = [one.seed_verdict for one in every.values() if one.seed_verdict]
    if seeds:
        others = [
            f"{task} is {one.seed_verdict}"
            for task, one in every.items()
            if one.seed_verdict not in (None, verdicts.NOT_WORSE)
        ]
        told += (
            "; with the spread of seeds, "
            f"{verdicts.NOT_WORSE} in {seeds.count(verdicts.NOT_WORSE)}"
            + (f" ({', '.join(others)})" if others else "")
        )
    return told + ". "


def _without_tuning(evidence: Evidence) -> str:
    """Says where the baseline passes the primary test as well."""
    mean = evidence.bootstrap.difference("vanilla", "shared")
    if mean is None or mean.verdict != verdicts.NOT_WORSE:
        return ""
    return (
        "But `vanilla`, not tuned at all, is not worse either: "
        f"{in_short(mean)} {over_tasks(evidence, mean)}. So this verdict alone "
        "says nothing of convergence; what tuning adds is `tuned` minus "
        "`vanilla`."
    )


def _gain(evidence: Evidence) -> Finding:
    question = "What does `shared` gain over `vanilla`?"
    gain = evidence.bootstrap.difference("shared", "vanilla")
    if gain is None:
        return not_answered(question, "shared", "vanilla")
    answer = (
        "`shared` minus `vanilla`, which has as many weights and half the "
        "depth: "
        f"{measured(gain)} {over_tasks(evidence, gain)}: "
        f"{gain.direction}. {seeds_said(gain)}"
    )
    if gain.direction != verdicts.HIGHER:
        answer += (
            " So the premise, that sharing helps, was **not reproduced** at "
            "these sizes and settings."
        )
    answer += _other_rates(evidence)
    return Finding(question, sign_in_short(gain), answer)


def _other_rates(evidence: Evidence) -> str:
    """Says where another learning rate than the one used was better."""
    results = evidence.results
    told, on_one_kind = [], True
    for arm in ("vanilla", "shared"):
        swept = [
            sweep
            for sweep in learning_rates.sweeps(results, results.swept_tasks)
            if sweep.arm == arm and sweep.used is not None
        ]
        on_one_kind &= all(sweep.on_one_kind for sweep in swept)
        better = [
            f"{sweep.task} {wording.signed(sweep.ahead)}"
            for sweep in swept
            if sweep.ahead > 0
        ]
        if better:
            told.append(
                f"`{arm}` in {len(better)} of {len(swept)} "
                f"({', '.join(better)})"
            )
    if not told:
        return ""
    return (
        " By dev BLEU another learning rate than theirs was ahead, by single "
        f"trainings, for {' and '.join(told)} of the tasks that were swept"
        + (
            ". Some of these trainings may have run on different kinds of "
            "processors, which alone changes scores a little."
            if not on_one_kind
            else "."
        )
    )


def _convergence(evidence: Evidence) -> Finding:
    question = (
        "What part of that gain does convergence account for: (`tuned` - "
        "`vanilla`) / (`shared` - `vanilla`)?"
    )
    share = evidence.bootstrap.convergence_share()
    if share is None:
        return not_answered(question, "vanilla", "shared", "tuned")
    where = over_tasks(evidence, share.gain)
    gain = evidence.bootstrap.difference("shared", "vanilla")
    if gain is None or gain.num_seeds != share.gain.num_seeds:
        where += ", over the seeds that all three arms have"
    of_seeds = share.gain.seed_interval
    if share.gain.interval.high < 0:
        answer = (
            "The part of the gain due to convergence is **not defined**: "
            f"`shared` does not gain ({measured(share.gain)} {where})."
        )
        short = "not defined: there is no gain"
        if of_seeds and of_seeds.high >= 0:
            answer += (
                " With the spread of seeds it may gain "
                f"({wording.interval(of_seeds)})."
            )
            short = "not defined: these trainings show no gain"
        return Finding(question, short, answer)
    if share.value is None or share.interval is None:
        answer = (
            "The part of the gain due to convergence is **not defined**: the "
            f"gain of `shared` may be 0 ({measured(share.gain)} {where})."
        )
        return Finding(question, "not defined: the gain may be 0", answer)
    part = tables.part(share)
    answer = (
        f"Tuning alone, at the complexity of `vanilla`, gives **{part}** of "
        f"the gain of `shared` (95% interval, sentences resampled jointly) "
        f"{where}. What other seeds would change is not in the interval."
    )
    if share.interval.high > 1:
        answer += " Above 100%, tuning gives more than sharing does."
    short = part
    if of_seeds and of_seeds.low <= 0:
        answer += (
            " With the spread of seeds the gain itself may be 0 "
            f"({wording.interval(of_seeds)}), and the part is not defined."
        )
        short = f"of these trainings {part}; with other seeds not defined"
    return Finding(question, short, answer)


# Question, system, baseline, what the two differ in.
_LIFTED = (
    (
        "What does tuning add at the vanilla's complexity?",
        "tuned",
        "vanilla",
        "the same model with the settings found for it",
    ),
    (
        "Does tuning also lift the sharing model?",
        "shared_tuned",
        "shared",
        "the same blocks with the settings found for them",
    ),
    (
        "What does depth add once both are tuned?",
        "shared_tuned",
        "tuned",
        "both with the settings found for them",
    ),
    (
        "What do half the blocks reach at the vanilla's complexity?",
        "compact",
        "vanilla",
        "half the blocks, each used twice, with the settings found for "
        "`shared`",
    ),
    (
        "What do twice the blocks add at equal compute?",
        "deep",
        "shared",
        "every layer its own block",
    ),
)


def _lifted(
    evidence: Evidence, question: str, system: str, baseline: str, what: str
) -> Finding:
    found = evidence.bootstrap.difference(system, baseline)
    if found is None:
        return not_answered(question, system, baseline)
    other_function = mechanism.other_function(evidence, system, baseline)
    answer = (
        f"`{system}` minus `{baseline}`, {what}"
        f"{weights_said(evidence, system, baseline)}"
        f"{updates_said(evidence, system, baseline)}: {measured(found)} "
        f"{over_tasks(evidence, found)}: {found.direction}. "
        f"{seeds_said(found)}{other_function}"
    )
    short = sign_in_short(found)
    if other_function:
        short += ", with another residual scale besides"
    if len(found.tasks) < len(evidence.results.tasks):
        short += f", {wording.number_of(len(found.tasks), 'task')}"
    return Finding(question, short, answer)
