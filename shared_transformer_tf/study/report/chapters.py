"""The chapters of a report that show results, in Markdown."""

from collections.abc import Mapping

from shared_transformer_tf.study.report import findings as findings_lib
from shared_transformer_tf.study.report import (
    gradient_rules,
    learning_rates,
    tables,
    wording,
)
from shared_transformer_tf.study.report import searches as searches_lib
from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.pictures.gallery import PICTURES

PAIRS = (
    ("tuned", "shared"),
    ("shared", "vanilla"),
    ("tuned", "vanilla"),
    ("shared_tuned", "shared"),
    ("shared_tuned", "tuned"),
    ("compact", "vanilla"),
    ("deep", "shared"),
)


def abstract(evidence: Evidence) -> str:
    """Returns what was found and what stays open."""
    found = findings_lib.findings(evidence)
    lines = [f"* {one.answer}" for one in found if one.answer]
    unanswered = [one.question for one in found if not one.answer]
    if unanswered:
        lines.append("* Not answered yet: " + " ".join(unanswered))
    lines += [f"* {note}" for note in findings_lib.warnings(evidence)]
    return "## Findings\n\n" + "\n".join(lines)


def questions(evidence: Evidence) -> str:
    """Returns the table of questions and short answers."""
    rows = [
        [one.question, one.short] for one in findings_lib.findings(evidence)
    ]
    return "## Questions\n\n" + wording.table(
        ["question", "answer"], rows, texts=(0, 1)
    )


def scores(evidence: Evidence, pictures: Mapping[str, str]) -> str:
    """Returns BLEU of tasks x arms, and the differences that matter."""
    several = max(
        len(evidence.bootstrap.seeds(task, arm))
        for task in evidence.results.tasks
        for arm in evidence.results.arms
    )
    spread = (
        "mean ± standard deviation over seeds (how many)"
        if several > 1
        else "one seed each"
    )
    parts = [
        "## BLEU, and what it costs",
        f"Test BLEU, {spread}. A difference stands with its 95% interval by "
        "paired bootstrap over test sentences; the mean over tasks resamples "
        "sentence numbers jointly."
        + (
            " Arms are compared over the seeds that both have in a task, which "
            "may be fewer than stand beside their BLEU."
            if several > 1
            else ""
        ),
        tables.scores(evidence, evidence.main_arms)
        if evidence.main_arms
        else "",
        _picture(pictures, "verdicts"),
        f"The verdict is *not worse* where the lower end lies above "
        f"-{evidence.margin} BLEU, *worse* where the upper end lies below it, "
        "else *undecided*. The margin was fixed before any result was looked "
        "at. The primary test is the mean over tasks; verdicts of single "
        "tasks are not corrected for being several. The second interval adds "
        "the variance of seeds, pooled over the tasks that have several and "
        "taken as that of every task."
        + _freedom(evidence)
        + " Of these rows the first is the primary test; the signs of the "
        "others are not corrected for being several.",
        tables.differences(evidence, PAIRS),
        "By task, over sentences alone; †: with the spread of seeds the sign "
        "is not told.",
        tables.by_task(evidence, PAIRS[:4]),
        "The part of the gain due to convergence is (`tuned` - `vanilla`) / "
        "(`shared` - `vanilla`), not defined unless the interval of the gain "
        "lies above 0. That of a task by itself is not corrected for being one "
        "of several; near a gain of 0 its ends run away.",
    ]
    return _joined(parts)


def _freedom(evidence: Evidence) -> str:
    """Says of how few trainings the variance of seeds is known."""
    system, baseline = PAIRS[0]
    found = evidence.bootstrap.difference(system, baseline)
    if found is None or found.seed_interval is None:
        return ""
    several = {
        task: len(evidence.bootstrap.seeds(task, system, baseline))
        for task in found.tasks
    }
    told = [
        f"{wording.number_of(number, 'seed')} of {task}"
        for task, number in several.items()
        if number > 1
    ]
    freedom = sum(number - 1 for number in several.values())
    return (
        f" For the first row it is known from {', '.join(told)}: "
        f"{wording.number_of(freedom, 'degree')} of freedom."
    )


def complexity(evidence: Evidence, pictures: Mapping[str, str]) -> str:
    """Returns what each arm costs and reaches."""
    return _joined(
        [
            "## BLEU against FLOPs",
            _picture(pictures, "complexity"),
            "FLOPs are counted, not measured, for the forward and the "
            "backward pass; a weight that is used twice is stored once and "
            "computed twice. Minutes are without evaluations; they depend on "
            "the machine and on what else it did.",
            tables.costs(evidence, evidence.results.arms),
        ]
    )


def learning(evidence: Evidence, pictures: Mapping[str, str]) -> str:
    """Returns the learning curves."""
    shown = [
        _picture(pictures, name)
        for name in ("learning_curves", "learning_curves_by_task", "training")
    ]
    text = (
        "The same curves by updates, tokens, FLOPs and time: equal in one is "
        "not equal in the others. All arms of a task were trained on the same "
        "number of target tokens; arms whose batch size differs make another "
        "number of updates. Axes begin at half of the best BLEU. Dev BLEU "
        "along a curve is that of greedy search with the weights of the "
        "update; in the table of cells it is that of averaged weights and the "
        "search of the test set. The training loss is that of smoothed "
        "targets: arms whose label smoothing differs have it at different "
        "levels."
    )
    if not any(shown):
        shown = ["No learning curves are in the results."]
    return _joined(["## Learning curves", text, *shown])


def sweeps(evidence: Evidence, pictures: Mapping[str, str]) -> str:
    """Returns dev BLEU by learning rate, on all tasks that were swept."""
    title = "## Learning rates"
    results = evidence.results
    found = learning_rates.sweeps(results, results.swept_tasks)
    if not found:
        return _joined([title, "No learning rate was swept."])
    rows = [
        [
            sweep.task,
            wording.code(sweep.arm),
            ", ".join(
                [
                    f"{rate:.3g}: {bleu:.1f}"
                    for rate, bleu in zip(sweep.rates, sweep.bleu, strict=True)
                ]
                + [f"{rate:.3g}: diverged" for rate in sweep.diverged]
            ),
            "not run" if sweep.used is None else f"{sweep.used:.3g}",
            f"{sweep.best:.3g}" + (" (edge)" if sweep.at_edge else ""),
            "–" if sweep.test_bleu is None else f"{sweep.test_bleu:.1f}",
        ]
        for sweep in found
    ]
    header = [
        "task",
        "arm",
        "rate: dev BLEU",
        "used",
        "best",
        "test BLEU there",
    ]
    text = (
        "Dev BLEU of the same cell at other learning rates, other settings "
        "carried over. Only seeds that were trained at other rates count "
        "here, so at the rate used it need not be the arm's mean. Where the "
        "best rate is at the edge of its sweep, a better one may lie beyond; "
        "where it is not the one used, the arm's scores elsewhere in this "
        "report are those of the rate used."
    )
    mixed = sum(not sweep.on_one_kind for sweep in found)
    if mixed:
        text += (
            f" In {mixed} of {wording.number_of(len(found), 'sweep')} not all "
            "trainings are noted as of one kind of processor. Another kind "
            "moves dev BLEU by itself, as another seed does: near ones are not "
            "told apart."
        )
    return _joined(
        [
            title,
            text,
            _picture(pictures, "learning_rates"),
            wording.table(header, rows, texts=(0, 1, 2)),
        ]
    )


def gradients(evidence: Evidence, pictures: Mapping[str, str]) -> str:
    """Returns norms and cosines of gradients per use."""
    shown = [_picture(pictures, name) for name in ("use_gradients", "cosines")]
    table = tables.cosines(evidence)
    if not table:
        shown.append("No statistics per use of shared weights were recorded.")
    text = (
        "With N uses of about equal norm |g_u| and mean cosine c, the "
        "aggregated gradient has the norm |g_u| sqrt(N (1 + (N - 1) c)): "
        "between sqrt(N) times as long where uses do not agree, and N times "
        "where they do. Layer norms and embeddings are left out. The norms "
        "are of one seed; of several seeds the table has mean, standard "
        "deviation and number. Arms whose batches differ in size have "
        "gradients of unequal noise: their cosines tell less of each other."
    )
    return _joined(["## Gradients of each use", text, *shown, table])


def rules(evidence: Evidence, pictures: Mapping[str, str]) -> str:
    """Returns what gradient rules and scales did."""
    return _joined(
        [
            "## Gradient rules and scales",
            gradient_rules.identity(evidence),
            gradient_rules.table(evidence),
            _picture(pictures, "ablations"),
            _picture(pictures, "ablation_curves"),
        ]
    )


def searches(evidence: Evidence, pictures: Mapping[str, str]) -> str:
    """Returns what the tuner tried and chose."""
    text = (
        "Trials are scored as they train, by greedy search with the weights "
        "of the update; cells by beam search with averaged weights. So what "
        "is best in a search need not be best in a cell."
    )
    found = evidence.results.searches.values()
    if any(t["status"] == "stopped early" for s in found for t in s["trials"]):
        text += (
            " From half of its tokens on a trial was stopped early where it "
            "was below the median of the others at as many tokens; to the "
            "oracle it counts with the score that it had then."
        )
    if len({len(search["trials"]) for search in found}) > 1:
        text += " **The searches have not the same number of trials.**"
    told = searches_lib.describe(evidence)
    if not told:
        told, text = ["No search is among the results."], ""
    return _joined(["## Searches", text, _picture(pictures, "searches"), *told])


def _picture(pictures: Mapping[str, str], name: str) -> str:
    if name not in pictures:
        return ""
    return f"![{PICTURES[name].caption}]({pictures[name]})"


def _joined(parts: list[str]) -> str:
    return "\n\n".join(part for part in parts if part)
