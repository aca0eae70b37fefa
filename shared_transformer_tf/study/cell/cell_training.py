"""Trains a cell and writes its result: a process of its own.

python -m shared_transformer_tf.study.cell.cell_training < REQUEST

The request is a line of JSON, see `cell_process`. The process ends when its
standard input does: whoever started it is gone then. On SIGTERM it saves and
ends, and the same request later goes on.
"""

import importlib.metadata
import json
import os
import platform
import signal
import sys
import threading
import traceback
from typing import Any

from absl import logging

import shared_transformer_tf
from shared_transformer_tf import experiment, file_lock, trained_run
from shared_transformer_tf.config import Config
from shared_transformer_tf.errors import (
    DivergedError,
    InputError,
    StoppedError,
)
from shared_transformer_tf.run_directory import RunDirectory
from shared_transformer_tf.study import (
    plan,
    result,
    result_checks,
    settings,
    vocabulary,
)
from shared_transformer_tf.study.cell import (
    condensed,
    fingerprints,
    learning_curve,
    scores,
)
from shared_transformer_tf.study.cells import Cell
from shared_transformer_tf.training import processors

_PACKAGES = (
    "tensorflow keras keras-nlp tensorflow-text numpy sentencepiece sacrebleu"
).split()


def main() -> int:
    """Does what a request asks for.

    Returns:
        The exit code: 0, 1 for a mistake of the user or of ours, 128 plus
        the number of a signal.
    """
    logging.use_absl_handler()
    logging.set_verbosity(logging.INFO)
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    try:
        with file_lock.waited_for(f"{request['run']}.lock"):
            train(request)
    except StoppedError as stop:
        print(stop, file=sys.stderr)
        return 128 + stop.signal_number
    except (InputError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except Exception as error:
        traceback.print_exc()
        print(f"Error: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def _end_with_standard_input() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def train(request: dict[str, Any]) -> None:
    """Trains a cell, or goes on with it, and writes its result.

    That it diverged is a result, for again it would do the same.

    Args:
        request: see `cell_process.Order.request`.

    Raises:
        InputError: if a setting or a file is wrong.
        StoppedError: if a signal came; what was trained is saved.
    """
    study = plan.load(request["study"])
    cell = Cell(**request["cell"])
    found = request["found"]
    config = study.config(cell, found)
    told = result.ResultFolder(request["results"], study)
    run = request["run"]
    vocabulary.prepare(config, request["vocabulary"])
    config = vocabulary.use_in(RunDirectory(run), config, request["vocabulary"])
    kinds = _note_processor(run)
    facts = {
        "format": result_checks.FORMAT,
        "study": study.name,
        "study_fingerprint": study.fingerprint,
        "task": cell.task,
        "arm": cell.arm,
        "seed": cell.seed,
        "variation": cell.variation,
        "settings": study.settings(cell, found),
        "command": request["command"],
        "processor_kind": ", then ".join(kinds),
        "config": settings.portable(config).to_dict(),
        "versions": _versions(),
    }
    try:
        experiment.train(config, run, study.strategy)
    except DivergedError as error:
        facts["diverged"] = str(error)
    else:
        facts |= _measured(run, config, bool(cell.variation))
    told.write(cell, facts)


def _note_processor(run: str) -> list[str]:
    """Notes, beside a run, what it goes on with; returns all that it had."""
    # of a run that was deleted the file may be left
    mode = "a+" if RunDirectory(run).exists else "w+"
    with open(f"{run}.processors", mode, encoding="utf-8") as stream:
        stream.seek(0)
        kinds = stream.read().splitlines()
        if processors.describe() not in kinds[-1:]:
            kinds.append(processors.describe())
            stream.write(f"{kinds[-1]}\n")
    return kinds


def _measured(run: str, config: Config, varied: bool) -> dict[str, Any]:
    metrics_file = RunDirectory(run).metrics_file
    trained, valid, uses = (
        learning_curve.read(metrics_file, kind)
        for kind in ("train", "valid", "uses")
    )
    loaded = trained_run.load_run(run)
    weights, flops_per_token = scores.cost(loaded)
    tokens, updates = int(valid[-1]["tokens"]), valid[-1]["step"]
    clock = condensed.TrainingClock(trained, valid)
    test, statistics = scores.test(loaded)
    dev = scores.dev(loaded)
    return {
        "fingerprints": fingerprints.of_run(run, config),
        "processors": len(os.sched_getaffinity(0)),
        "weights": weights,
        "flops_per_token": flops_per_token,
        "flops": flops_per_token * tokens,
        "tokens": tokens,
        "updates": updates,
        "seconds": round(clock.seconds(tokens), 2),
        "seconds_per_token": clock.seconds_per_token,
        "evaluation_seconds": round(
            sum(one["evaluation_seconds"] for one in valid), 2
        ),
        "checkpoint": loaded.checkpoint_name,
        "dev": dev,
        "test": test,
        "training_curve": condensed.training_curve(trained),
        "curve": condensed.dev_curve(valid, trained, flops_per_token),
        # of variations the scores are what is asked; they are many
        "gradients": [] if varied else condensed.gradients(uses),
        **({} if varied else {"sentence_statistics": statistics}),
    }


def _versions() -> dict[str, str]:
    return {
        "shared_transformer_tf": shared_transformer_tf.__version__,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
    }


if __name__ == "__main__":
    sys.exit(main())
