"""A made-up study, as files that a real one would leave.

python -m tests.study.synthetic_study FOLDER

Nothing in it was trained: every figure comes from formulas and a seed, and
its name says so.
"""

import json
import pathlib
import sys

import numpy as np

from shared_transformer_tf.config import Config
from shared_transformer_tf.evaluation import sufficient_statistics
from shared_transformer_tf.study.report import result_set
from tests.study import synthetic

STUDY = "synthetic_not_measured"
TASKS = result_set.TASK_ORDER
WIDE_ARMS = result_set.ARM_ORDER[:5]
ARMS = result_set.ARM_ORDER
QUALITY = {
    "vanilla": 1.0,
    "shared": 1.12,
    "tuned": 1.10,
    "shared_tuned": 1.17,
    "compact": 1.02,
    "deep": 1.15,
    "shared_cycle_rev": 1.13,
    "uses": 1.12,
    "sqrt_uses": 1.12,
    "unit": 1.09,
    "update_uses": 1.05,
    "residual_uses": 1.11,
}
BLOCKS = {"compact": 1, "deep": 4}
SETTINGS = {
    "tuned": {"training.learning_rate": 0.0071, "training.warmup_steps": 420},
    "shared_tuned": {"training.learning_rate": 0.0052, "model.dropout": 0.14},
    "compact": {"training.learning_rate": 0.0052, "model.num_blocks": 1},
    "uses": {"training.gradient_rule": "uses"},
    "sqrt_uses": {"training.gradient_rule": "sqrt_uses"},
    "unit": {"training.gradient_rule": "unit"},
    "update_uses": {"training.update_scaling": "uses"},
    "residual_uses": {"model.residual_scale": "inverse_uses"},
}
KINDS = ("self_attention", "cross_attention", "feed_forward")


def depth(arm):
    return 2 if arm in ("vanilla", "tuned", "compact") else 4


def make_cell(task, arm, seed, variation="", num_sentences=200):
    """The contents of a cell's file."""
    rng = np.random.default_rng([TASKS.index(task), ARMS.index(arm), seed, 7])
    factor = float(variation.rpartition("x")[2]) if variation else 1.0
    quality = QUALITY[arm] - 0.75 - 0.07 * np.log2(factor * 0.8) ** 2
    quality += 0.1 * (TASKS.index(task) % 3) + rng.normal(scale=0.006)
    rows = synthetic.statistics(
        synthetic.difficulties(num_sentences, 5), quality, rng.integers(2**31)
    )
    bleu = float(sufficient_statistics.corpus_bleu(rows.sum(0)))
    tokens, updates = 3_000_000 + int(rng.integers(3000)), 900
    per_token = 6.2e6 + 6.3e6 * depth(arm)
    seconds = 150.0 * depth(arm) * float(rng.uniform(0.95, 1.1))
    cell = {
        "format": 1,
        "study": STUDY,
        "study_fingerprint": "0" * 16,
        "task": task,
        "arm": arm,
        "seed": seed,
        "variation": variation,
        "versions": {"tensorflow": "2.21.0", "python": "3.11.9"},
        "processors": 1,
        "weights": 512_000 + 290_000 * BLOCKS.get(arm, 2),
        "flops_per_token": per_token,
        "flops": per_token * tokens,
        "tokens": tokens,
        "updates": updates,
        "seconds": seconds,
        "seconds_per_token": seconds / tokens,
    }
    cell |= make_settings(task, arm, seed, factor)
    cell |= make_curves(cell, bleu, rng)
    cell["gradients"] = make_gradients(arm, tokens, updates, rng)
    cell["command"] = (
        f"python bin/study.py --config={STUDY} --workdir=runs/study "
        f"--tasks={task} --arms={arm} --seeds={seed}"
    )
    cell |= make_test(bleu, rows)
    if variation:
        del cell["sentence_statistics"]
    return cell


def make_settings(task, arm, seed, factor):
    """What a cell sets, and its whole config."""
    config = Config()
    config.data.source_language, config.data.target_language = task.split("-")
    config.tokenizer.vocabulary_size = 4000
    settings = {"training.seed": seed} | SETTINGS.get(arm, {})
    settings["model.num_layers"] = depth(arm)
    settings["model.num_blocks"] = BLOCKS.get(arm, 2)
    rate = settings.get("training.learning_rate", 0.003)
    settings["training.learning_rate"] = rate * factor
    for field, value in settings.items():
        section, _, key = field.partition(".")
        setattr(getattr(config, section), key, value)
    return {"settings": settings, "config": config.to_dict()}


def make_test(bleu, rows):
    """Scores of the test set, and what they follow from."""
    scores = {
        "bleu": bleu,
        "chrf": bleu + 22.0,
        "ter": 90.0 - bleu,
        "signatures": {"bleu": "nrefs:1|case:mixed|tok:13a|version:2.6.0"},
        "sentences": len(rows),
        "seconds": 9.0,
    }
    columns = list(sufficient_statistics.COLUMNS)
    statistics = {"columns": columns, "rows": rows.tolist()}
    return {"test": scores, "sentence_statistics": statistics}


def make_curves(cell, bleu, rng):
    """Training and dev curves that rise to a test BLEU."""
    parts = np.linspace(1 / 12, 1, 12)
    reached = (bleu + 0.6) * (1 - np.exp(-5 * parts)) / (1 - np.exp(-5))
    reached += rng.normal(scale=0.15, size=12)

    def point(part):
        return {
            "update": round(cell["updates"] * part),
            "tokens": round(cell["tokens"] * part),
            "seconds": cell["seconds"] * part,
        }

    curve = [
        point(part)
        | {
            "flops": cell["flops"] * part,
            "bleu": float(one),
            "chrf": float(one) + 21,
            "loss": 4.5 - one / 12,
        }
        for part, one in zip(parts, reached, strict=True)
    ]
    training = [
        point(part)
        | {
            "loss": float(8.4 * np.exp(-3 * part) + 2.2),
            "gradient_norm": float(0.4 + rng.uniform(0, 0.1) + part / 3),
        }
        for part in np.linspace(1 / 30, 1, 30)
    ]
    dev = {key: curve[-1][key] for key in ("bleu", "chrf", "loss")}
    return {"curve": curve, "training_curve": training, "dev": dev}


def make_gradients(arm, tokens, updates, rng):
    """Statistics per use of every sublayer, at eight moments."""
    blocks = BLOCKS.get(arm, 2)
    uses = depth(arm) // blocks
    moments = []
    for part in np.linspace(1 / 8, 1, 8):
        weights = {}
        for stack in ("encoder", "decoder"):
            for block in range(blocks):
                for number, kind in enumerate(KINDS):
                    if (stack, kind) == ("encoder", "cross_attention"):
                        continue
                    norm = 0.1 * (number + 1) * (0.4 + part) + block / 50
                    norm *= rng.uniform(0.9, 1.1)
                    found = {
                        "uses": uses,
                        "norm": norm * uses**0.9,
                        "norm_mean": norm,
                        "norm_min": 0.8 * norm,
                        "norm_max": 1.2 * norm,
                        "update_ratio": 0.001,
                    }
                    if uses > 1:
                        cosine = 0.85 - 0.4 * part + 0.05 * number
                        cosine += rng.normal(scale=0.03)
                        found["cosine_mean"] = cosine
                    weights[f"{stack}/block_{block}_{kind}"] = found
        moments.append(
            {
                "update": round(updates * part),
                "tokens": round(tokens * part),
                "weights": weights,
            }
        )
    return moments


def make_search(arm):
    """The contents of a search's file."""
    rng = np.random.default_rng([ARMS.index(arm), 3])
    trials = []
    for number in range(30):
        rate = float(10 ** rng.uniform(-4, -1.7))
        score = 24 - 6 * (np.log10(rate) + 2.2) ** 2 + rng.normal(scale=0.7)
        stopped = number % 3 == 2
        trials.append(
            {
                "id": f"{number:02d}",
                "settings": {
                    "training.learning_rate": rate,
                    "training.warmup_steps": int(rng.integers(100, 2000)),
                    "model.dropout": float(rng.uniform(0, 0.3)),
                },
                "tokens": 330_000 if stopped else 1_000_000,
                "score": float(score - 5 * stopped),
                "status": "stopped" if stopped else "completed",
                "seconds": 60.0,
            }
        )
    best = max(trials, key=lambda trial: trial["score"])
    return {
        "format": 1,
        "kind": "search",
        "study": STUDY,
        "task": "en-de",
        "arm": arm,
        "settings": best["settings"],
        "budget_tokens": 1_000_000,
        "objective": "bleu",
        "oracle": "hyperband",
        "trials": trials,
        "importance": {
            "training.learning_rate": {"explained": 0.71, "direction": 0.5},
            "training.warmup_steps": {"explained": 0.2, "direction": -0.1},
            "model.dropout": {"explained": 0.09, "direction": 0.1},
        },
    }


def make_cells(num_sentences=200):
    """The cells of a whole study."""
    keys = [(task, arm, 1, "") for task in TASKS for arm in WIDE_ARMS]
    keys += [("en-de", arm, seed, "") for arm in ARMS for seed in (1, 2, 3)]
    keys += [
        ("en-de", arm, 1, f"learning_rate_x{factor}")
        for arm in ARMS
        for factor in ("0.5", "2")
    ]
    keys += [
        (task, arm, 1, f"learning_rate_x{factor}")
        for task in TASKS[1:]
        for arm in ("vanilla", "shared")
        for factor in ("0.5", "2")
    ]
    return [make_cell(*key, num_sentences) for key in dict.fromkeys(keys)]


def write(folder, cells, searches=()):
    """Writes files as a study would."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    named = {result_set.name(cell): cell for cell in cells}
    named |= {f"search.{one['arm']}": one for one in searches}
    for name, contents in named.items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(contents), encoding="utf-8")
    return str(folder)


if __name__ == "__main__":
    write(
        sys.argv[1],
        make_cells(num_sentences=1000),
        [make_search("vanilla"), make_search("shared")],
    )
