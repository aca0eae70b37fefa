"""Results and searches that nothing was trained for, in the real format."""

import json
import pathlib

from shared_transformer_tf.study import result, settings
from shared_transformer_tf.study.search import space as space_lib


def write_search(folder, plan, searched, **changes):
    """Writes what a search for an arm would leave; returns its path."""
    space = space_lib.make_space(
        plan.search_base(searched), plan.search_fields
    ).to_dict()
    made = {
        "format": 1,
        "kind": "search",
        "study": plan.name,
        "task": plan.search_task,
        "arm": searched,
        "settings": {"training.learning_rate": 0.02},
        "budget_tokens": plan.search_tokens,
        "objective": "bleu",
        "oracle": "bayesian",
        "space": space,
        "trials": [{}] * plan.search_trials,
    } | changes
    path = pathlib.Path(folder) / f"search.{searched}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(made), encoding="utf-8")
    return path


def make_result(plan, cell, found, bleu=10.0, **changes):
    """Returns what a cell would leave, without what only a report reads."""
    config = plan.config(cell, found)
    return {
        "format": result.FORMAT,
        "study": plan.name,
        "study_fingerprint": plan.fingerprint,
        "config": settings.portable(config).to_dict(),
        "updates": 4,
        "tokens": 600,
        "seconds": 3.0,
        "seconds_per_token": 0.005,
        "dev": {"bleu": bleu, "chrf": 1.0, "loss": 1.0},
        "test": {"bleu": bleu, "chrf": 1.0, "ter": 1.0},
    } | changes


def write_result(folder, study, cell, found=(), **changes):
    """Writes a made result of a cell."""
    made = make_result(study, cell, dict(found), **changes)
    result.ResultFolder(str(folder), study).write(cell, made)
