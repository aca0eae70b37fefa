"""Results and searches that nothing was trained for, in the real format."""

import json
import pathlib

from shared_transformer_tf.evaluation import sufficient_statistics
from shared_transformer_tf.study import result, result_checks, settings
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
    """Returns what a cell would leave whose test translations are perfect."""
    config = plan.config(cell, found)
    return {
        "format": result_checks.FORMAT,
        "study": plan.name,
        "study_fingerprint": plan.fingerprint,
        "task": cell.task,
        "arm": cell.arm,
        "seed": cell.seed,
        "variation": cell.variation,
        "settings": plan.settings(cell, found),
        "command": "none",
        "config": settings.portable(config).to_dict(),
        "versions": {},
        "processors": 1,
        "weights": 5,
        "flops_per_token": 7.0,
        "flops": 4200.0,
        "updates": 4,
        "tokens": 600,
        "seconds": 3.0,
        "seconds_per_token": 0.005,
        "training_curve": [],
        "curve": [
            {
                "update": 4,
                "tokens": 600,
                "seconds": 3.0,
                "flops": 4200.0,
                "bleu": bleu,
                "chrf": 1.0,
                "loss": 1.0,
            }
        ],
        "gradients": [],
        "dev": {"bleu": bleu, "chrf": 1.0, "loss": 1.0},
        "test": {"bleu": 100.0, "chrf": 1.0, "ter": 1.0},
        "sentence_statistics": {
            "columns": list(sufficient_statistics.COLUMNS),
            "rows": [[4, 3, 2, 1, 4, 3, 2, 1, 4, 4]],
        },
    } | changes


def write_result(folder, study, cell, found=(), **changes):
    """Writes a made result of a cell."""
    made = make_result(study, cell, dict(found), **changes)
    result.ResultFolder(str(folder), study).write(cell, made)
