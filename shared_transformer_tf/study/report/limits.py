"""What the results of a study cannot tell."""

from statistics import fmean, stdev

from shared_transformer_tf.study.report import wording
from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.wording import distinct, extent

_OVER_TASKS = (("tuned", "shared"), ("tuned", "vanilla"), ("shared", "vanilla"))


def limits(evidence: Evidence) -> str:
    """Returns what these results cannot tell."""
    results = evidence.results
    sentences = {c["test"]["sentences"] for c in results.of()}
    weights = [c["weights"] for c in results.of()]
    tokens = [c["tokens"] for c in results.of()]
    one_seed = [
        task
        for task in results.tasks
        if max(len(evidence.bootstrap.seeds(task, a)) for a in results.arms) < 2
    ]
    lines = [
        f"A test set of {distinct(sentences)} sentences decides little by "
        "itself: per task many verdicts may stay undecided.",
        f"One seed each in {', '.join(one_seed)}."
        if one_seed
        else "Every task has an arm with several seeds.",
        f"Models of {extent(weights, '{:,.0f}'.format)} weights, trained on "
        f"{extent(tokens, wording.amount)} target tokens of one corpus: "
        "nothing here tells of other sizes, budgets or text.",
        _few_seeds(evidence),
        _spread_of_tasks(evidence),
        _tuning(evidence),
        _still_rising(evidence),
        _updates(evidence),
        "Of the paper that asked the question (arXiv 2306.09380), its "
        "abstract alone was at hand; no table of it is compared with.",
    ]
    return "## Limits\n\n" + "\n".join(f"* {line}" for line in lines if line)


def _few_seeds(evidence: Evidence) -> str:
    """Gives other intervals, by the seeds of all arms together."""
    bootstrap = evidence.bootstrap
    variance, freedom = bootstrap.seeds_pooled_over_arms()
    told = [
        f"{wording.code(system)} - {wording.code(baseline)} "
        f"{wording.interval(found)}"
        for system, baseline in _OVER_TASKS
        if (found := bootstrap.interval_by_pooled_seeds(system, baseline))
    ]
    if not told:
        return ""
    return (
        "What other seeds change is known from few trainings of two arms "
        f"each. Pooled over all arms ({freedom} degrees of freedom), the "
        f"standard deviation of a training is {variance**0.5:.2f} BLEU, by "
        "which intervals over sentences and seeds are: "
        f"{', '.join(told)}."
    )


def _spread_of_tasks(evidence: Evidence) -> str:
    told = []
    for system, baseline in _OVER_TASKS:
        values = [
            one.value for one in evidence.by_task(system, baseline).values()
        ]
        if len(values) > 1:
            names = f"{wording.code(system)} - {wording.code(baseline)}"
            told.append(f"{names} {stdev(values):.2f}")
    if not told:
        return ""
    return (
        "Intervals are of these tasks, which translate the same captions, not "
        "of tasks in general. Standard deviation of the difference over "
        f"tasks, in BLEU: {', '.join(told)}."
    )


def _tuning(evidence: Evidence) -> str:
    told = [
        f"for {wording.code(arm)} "
        + wording.listed(name.rpartition(".")[2] for name in search["settings"])
        for arm, search in evidence.results.searches.items()
    ]
    if not told:
        return ""
    return (
        f"A search chose all its settings together, {'; '.join(told)}: what "
        "tuning gains is the gain of all of them, regularisation and numbers "
        "of updates included. Only where an ablation changes one of them "
        "alone is it told apart."
    )


def _still_rising(evidence: Evidence) -> str:
    task = evidence.results.main_task
    told = []
    for arm in evidence.main_arms:
        curves = [cell["curve"][-2:] for cell in evidence.results.of(task, arm)]
        if curves and all(len(curve) == 2 for curve in curves):
            rise = fmean(end["bleu"] - before["bleu"] for before, end in curves)
            told.append(f"{wording.code(arm)} {wording.signed(rise, 1)}")
    if not told:
        return ""
    return (
        "The budget ends the trainings, not what they could still learn. Dev "
        f"BLEU on {task} from the last evaluation but one to the last: "
        f"{', '.join(told)}."
    )


def _updates(evidence: Evidence) -> str:
    ratios = {
        arm: evidence.relative("updates", arm, "vanilla")
        for arm in evidence.main_arms
    }
    told = [
        f"{wording.code(arm)} {ratio:.1f}x"
        for arm, ratio in ratios.items()
        if ratio and not 0.95 < ratio < 1.05
    ]
    if not told:
        return ""
    return (
        "Equal tokens are not equal updates, for batches were searched too: "
        f"{', '.join(told)} as many as `vanilla`."
    )
