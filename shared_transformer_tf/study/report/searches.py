"""What the tuner tried and chose, in Markdown."""

import collections
import math
from collections.abc import Mapping

from shared_transformer_tf.study import found_settings
from shared_transformer_tf.study.report import (
    gradient_rules,
    result_set,
    wording,
)
from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.search import space

_NEAR = 1.1  # of an end of a range
_ROUNDED = 1e-4  # scores of curves have four digits
_OBJECTIVES = {"bleu": "BLEU by greedy search", "loss": "loss per token"}


def describe(evidence: Evidence) -> list[str]:
    """Returns a paragraph for each search."""
    parts = []
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
            f"{score}{_standard(evidence, arm)}. "
            f"Chosen: {wording.settings(search['settings'])}. "
            f"{_cells_that_are_trials(evidence, search)}"
            f"{_at_edges(search)}{gradient_rules.of_search(search)}{_importance(search)}"
            f"{_command(evidence, arm)}"
        )
    return parts


def _standard(evidence: Evidence, arm: str) -> str:
    """Returns what the settings of the study's base reached as a trial."""
    if evidence.study is None:
        return ""
    search = evidence.results.searches[arm]
    base = evidence.study.search_base(arm)
    for trial in search["trials"]:
        own = {name: space.get(base, name) for name in trial["settings"]}
        if trial["settings"] == own and trial["score"] is not None:
            return f" (the standard settings: {trial['score']:.2f})"
    return ""


def _cells_that_are_trials(evidence: Evidence, search: Mapping) -> str:
    """Names cells that repeat the training that the search chose."""
    chosen = [
        trial
        for trial in search["trials"]
        if trial["settings"] == search["settings"]
        and trial["score"] is not None
    ]

    def is_that(cell: Mapping) -> bool:
        curve = cell["curve"]
        score = curve[-1].get(search["objective"]) if curve else None
        return score is not None and any(
            (cell["tokens"], cell["updates"])
            == (trial.get("tokens"), trial.get("updates"))
            and math.isclose(score, trial["score"], abs_tol=_ROUNDED)
            for trial in chosen
        )

    told = [
        result_set.name(cell)
        for cell in evidence.results.of(search["task"])
        if is_that(cell)
    ]
    if not told:
        return ""
    trials = wording.number_of(len(search["trials"]), "trial")
    return (
        f"{wording.listed(told)} is that trial, trained again to the same "
        f"score: on dev its curve is the best of {trials}, on test it is not "
        "chosen. "
    )


def _at_edges(search: Mapping) -> str:
    """Names chosen values beyond which nothing was searched."""
    told = [
        f"{wording.code(name.rpartition('.')[2])} {wording.setting(value)}"
        for name, value in search["settings"].items()
        if _at_edge(value, search.get("space", {}).get(name, ""))
    ]
    if not told:
        return ""
    return f"At the edge of what was searched: {', '.join(told)}. "


def _at_edge(value: object, searched: str) -> bool:
    """Tells it of numbers; 0, which means without, is no edge."""
    low, is_range, high = searched.partition(",")[0].partition(" to ")
    if not value or not isinstance(value, int | float):
        return False
    if is_range:
        return value < _NEAR * float(low) or value > float(high) / _NEAR
    choices = [float(choice) for choice in searched.split()]
    return bool(choices) and value in (min(choices), max(choices))


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
    return (
        f"Each setting by itself explains of the trials' ranks: {told}. What "
        "matters only beside another setting, or that few good trials vary, "
        "explains nothing there; the ablations tell what it does."
    )
