r"""Searches hyperparameters of convergence with Keras Tuner.

python bin/tune.py --config=configs/multi30k.py --workdir=runs/search \
    --budget_tokens=8000000 --trials=30 --workers=2

Model and complexity stay as the config has them. Every trial is a run in
DIR/trials that is trained on as many target tokens; the first one has the
config's own values. After half of its tokens a trial ends early where it is
below the median of the others then. Hyperband instead ends the worse two
thirds at 1/9 and 3/9 of the tokens; the others go on from their checkpoints.
A training that diverges is a trial that failed.

The same command goes on after a stop, with the trials that were begun. With
several workers a chief gives out the trials; that of a worker that dies goes
on in another. DIR has results.csv, results.json, search.json, hparams/ for
TensorBoard, and best_config.py for `train --config=`.
"""

import os
import sys
from collections.abc import Sequence
from typing import Any

from absl import flags, logging

from shared_transformer_tf import devices, errors, run_directory, validation
from shared_transformer_tf.cli import command, config_flag, startup

_MODULE = "shared_transformer_tf.cli.tune"
_LABELS = ("study", "task", "arm")
_NUMBERS = (
    ("budget_tokens", 0, "Target tokens that each trial is trained on."),
    (
        "trials",
        30,
        "Settings to try; Hyperband fills its brackets with at least as many.",
    ),
    (
        "evaluations",
        5,
        "Of a trial, evenly over its tokens. Hyperband has nine.",
    ),
    ("seed", 1, "Of the oracle; trainings have the config's."),
    (
        "workers",
        1,
        "Processes that train at the same time, on their own processors.",
    ),
    (
        "num_replicas",
        0,
        "Of --strategy=mirrored; 0: all GPUs. Parts of the CPU without GPUs.",
    ),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code.

    Args:
        argv: the program's name and its arguments; `None`: `sys.argv`.
    """
    argv = sys.argv if argv is None else argv

    def tune(values: flags.FlagValues) -> None:
        _tune(values, argv[1:])

    return command.run(
        __doc__, _define_flags, tune, argv, default_config="numbers"
    )


def _define_flags(values: flags.FlagValues) -> None:
    from shared_transformer_tf.study.search import settings as settings_lib

    for name, default, text in (
        ("workdir", None, "Folder of the search."),
        ("output", "", "File for a copy of search.json."),
        *(
            (name, "", f"What search.json calls the {name}.")
            for name in _LABELS
        ),
    ):
        flags.DEFINE_string(name, default, text, flag_values=values)
    for name, default, text in _NUMBERS:
        lowest = min(default, 1)
        flags.DEFINE_integer(
            name, default, text, lower_bound=lowest, flag_values=values
        )
    flags.DEFINE_enum(
        "strategy",
        "none",
        ["none", "mirrored", "tpu"],
        "What each trial is trained on: one device, all GPUs, a TPU.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "oracle",
        settings_lib.ORACLES[0],
        settings_lib.ORACLES,
        "Who chooses the settings of a trial.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "objective",
        settings_lib.OBJECTIVES[0],
        settings_lib.OBJECTIVES,
        "Score of the dev set: BLEU, or the loss per token.",
        flag_values=values,
    )
    flags.DEFINE_list(
        "fields",
        [],
        "What to search, with commas; unset: all that act in the config.",
        flag_values=values,
    )


def _tune(values: flags.FlagValues, arguments: Sequence[str]) -> None:
    from shared_transformer_tf.data import corpus
    from shared_transformer_tf.study.search import folder, worker
    from shared_transformer_tf.study.search import space as space_lib
    from shared_transformer_tf.study.search.settings import SearchSettings

    command.require(values, "workdir", "budget_tokens")
    if os.path.isdir(values.output):
        raise errors.InputError(
            f"--output={values.output} is a folder, expected a file."
        )
    if values.output:
        above = os.path.dirname(os.path.abspath(values.output))
        run_directory.check_can_be_made(above, "The folder of --output")
    config = values.config
    config.validate()
    config_flag.check_text_is_read(values)
    validation.check_read(config)
    _check_devices(values)
    space = space_lib.make_space(config, values.fields, values.budget_tokens)
    settings = SearchSettings(
        config,
        space,
        values.budget_tokens,
        trials=values.trials,
        oracle=values.oracle,
        objective=values.objective,
        evaluations=values.evaluations,
        seed=values.seed,
        labels={name: values[name].value for name in _LABELS},
    )
    settings.check()
    if worker.is_worker():
        worker.end_with_the_chief()
        startup.import_tensorflow(to_train=True)
        from shared_transformer_tf.study.search import search

        search.work(settings, values.workdir)
        return
    folder.SearchFolder(values.workdir).check(settings)
    corpus.check_files(config.data, "train", "valid")
    _warn_of_warm_up(settings)
    print(space.describe(), flush=True)
    startup.import_tensorflow(to_train=True)
    from shared_transformer_tf.study.search import search

    results = search.run(
        settings,
        values.workdir,
        (values.workers, [sys.executable, "-m", _MODULE, *arguments]),
        values.output,
        search.on_devices(values.strategy, values.num_replicas),
    )
    print(results.describe())


def _warn_of_warm_up(settings: Any) -> None:
    if settings.never_leaves_warm_up:
        config = settings.config
        logging.warning(
            "--budget_tokens=%d is about %d updates of up to %d tokens, fewer "
            "than the config's warm-up of %d: its learning rate may never be "
            "reached. Give more, or a shorter training.warmup_steps.",
            settings.budget_tokens,
            settings.budget_tokens // config.data.batch_tokens,
            config.data.batch_tokens,
            config.training.warmup_steps,
        )


def _check_devices(values: flags.FlagValues) -> None:
    buckets = values.config.data.num_buckets
    devices.check(values.strategy, values.num_replicas, buckets)
    if values.strategy != "none" and values.workers > 1:
        raise errors.InputError(
            f"--strategy={values.strategy} trains each trial on all devices, "
            f"--workers={values.workers} several trials at a time: give one "
            "of the two."
        )


if __name__ == "__main__":
    sys.exit(main())
