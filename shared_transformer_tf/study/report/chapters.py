"""The chapters of a report that show results, in Markdown."""

import collections
from collections.abc import Mapping

from shared_transformer_tf.study import found_settings
from shared_transformer_tf.study.report import findings as findings_lib
from shared_transformer_tf.study.report import (
    gradient_rules,
    learning_rates,
    tables,
    use_gradients,
    wording,
)
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
_OBJECTIVES = {"bleu": "BLEU by greedy search", "loss": "loss per token"}


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
        "sentence numbers jointly.",
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
        "taken as that of every task.",
        tables.differences(evidence, PAIRS),
        tables.by_task(evidence, PAIRS[:4]),
        "The part of the gain due to convergence is (`tuned` - `vanilla`) / "
        "(`shared` - `vanilla`), not defined unless the interval of the gain "
        "lies above 0.",
    ]
    return _joined(parts)


def complexity(evidence: Evidence, pictures: Mapping[str, str]) -> str:
    """Returns what each arm costs and reaches."""
    return _joined(
        [
            "## BLEU against FLOPs",
            _picture(pictures, "complexity"),
            "FLOPs are counted, not measured, for the forward and the "
            "backward pass; a weight that is used twice is stored once and "
            "computed twice. Minutes are of the updates with their tracing, "
            "without evaluations; they depend on the machine and on what else "
            "it did.",
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
        "number of updates. The upper half of BLEU is shown. Dev BLEU along "
        "a curve is that of greedy search with the weights of the update; in "
        "the table of cells it is that of averaged weights and the search of "
        "the test set. The training loss is that of smoothed targets: arms "
        "whose label smoothing differs have it at different levels."
    )
    if not any(shown):
        shown = ["No learning curves are in the results."]
    return _joined(["## Learning curves", text, *shown])


def sweeps(evidence: Evidence, pictures: Mapping[str, str]) -> str:
    """Returns dev BLEU by learning rate, on all tasks that were swept."""
    title = "## Learning rates"
    found = learning_rates.sweeps(evidence.results, evidence.results.tasks)
    if not found:
        return _joined([title, "No learning rate was swept."])
    rows = [
        [
            sweep.task,
            wording.code(sweep.arm),
            ", ".join(
                f"{rate:.3g}: {bleu:.1f}"
                for rate, bleu in zip(sweep.rates, sweep.bleu, strict=True)
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
        "carried over; seeds as in the table of cells. Where the best rate is "
        "at the edge of its sweep, a better one may lie beyond; where it is "
        "not the one used, the arm's scores elsewhere in this report are "
        "those of the rate used."
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
    task = evidence.results.main_task
    rows = []
    for arm in evidence.results.arms:
        cells = [
            cell
            for cell in evidence.results.of(task, arm)
            if use_gradients.cosine(cell)
        ]
        for cell in cells[:1]:
            tokens, cosine = use_gradients.cosine(cell)
            middle = len(cosine) // 2
            rows.append(
                [
                    wording.code(arm),
                    *(f"{cosine[n]:.2f}" for n in (0, middle, -1)),
                    wording.amount(tokens[-1]),
                ]
            )
    if not rows:
        shown.append("No statistics per use of shared weights were recorded.")
    header = ["arm", "cosine at first", "halfway", "at the end", "tokens"]
    text = (
        "With N uses of about equal norm |g_u| and mean cosine c, the "
        "aggregated gradient has the norm |g_u| sqrt(N (1 + (N - 1) c)): "
        "between sqrt(N) times as long where uses do not agree, and N times "
        "where they do. One seed; layer norms and embeddings left out."
    )
    table = wording.table(header, rows) if rows else ""
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
    parts = ["## Searches", _picture(pictures, "searches")]
    for arm, search in evidence.results.searches.items():
        trials = search["trials"]
        # a trial that was stopped early is never chosen
        told = [
            trial["score"]
            for trial in trials
            if trial["score"] is not None and trial["status"] == "completed"
        ]
        best = min if "loss" in search["objective"] else max
        score = f"{best(told):.2f}" if told else "none"
        statuses = collections.Counter(trial["status"] for trial in trials)
        ended = ", ".join(f"{n} {status}" for status, n in statuses.items())
        parts.append(
            f"**{wording.code(arm)}** on {search['task']}: "
            f"{wording.number_of(len(trials), 'trial')} ({ended}) by "
            f"{wording.code(search['oracle'])}, at most "
            f"{wording.amount(search['budget_tokens'])} target tokens each, "
            f"{wording.duration(sum(t['seconds'] for t in trials))} in all; "
            f"best dev {_OBJECTIVES[search['objective']]} of whole trainings "
            f"{score}. "
            f"Chosen: {wording.settings(search['settings'])}. "
            f"{gradient_rules.of_search(search)}{_importance(search)}"
            f"{_command(evidence, arm)}"
        )
    if not evidence.results.searches:
        parts.append("No search is among the results.")
    return _joined(parts)


def _command(evidence: Evidence, arm: str) -> str:
    study = evidence.study
    if study is None or arm not in study.searches:
        return ""
    command = wording.code(found_settings.command(study, arm, "DIR"))
    return (
        f" Searched again by {command}; with several `--workers`, what is "
        "drawn depends on which of them ends first."
    )


def _importance(search: Mapping) -> str:
    found = search["importance"]
    if not found:
        return "Too few trials for the importance of settings."
    order = sorted(found, key=lambda field: -found[field]["explained"])
    told = ", ".join(
        f"{wording.code(field.rpartition('.')[2])} "
        f"{found[field]['explained']:.0%}"
        for field in order
    )
    return f"Each setting by itself explains of the trials' ranks: {told}."


def _picture(pictures: Mapping[str, str], name: str) -> str:
    if name not in pictures:
        return ""
    return f"![{PICTURES[name].caption}]({pictures[name]})"


def _joined(parts: list[str]) -> str:
    return "\n\n".join(part for part in parts if part)
