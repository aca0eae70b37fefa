r"""Trains a model, or goes on with a run that was stopped.

python bin/train.py --config=configs/multi30k.py --workdir=runs/multi30k \
    --config.training.learning_rate=5e-3
"""

import sys
from collections.abc import Sequence

from absl import flags

from shared_transformer_tf import devices, run_directory, validation
from shared_transformer_tf.cli import command, config_flag, startup


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code.

    Args:
        argv: the program's name and its arguments; `None`: `sys.argv`.
    """
    argv = sys.argv if argv is None else argv
    return command.run(
        __doc__, _define_flags, _train, argv, default_config="numbers"
    )


def _define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "workdir", None, "Folder of the run.", flag_values=values
    )
    flags.DEFINE_enum(
        "strategy",
        "none",
        devices.STRATEGIES,
        "Distribution over devices: one; this machine's GPUs; the machines of "
        "TF_CONFIG; a TPU.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "num_replicas",
        0,
        "Of --strategy=mirrored: GPUs, or parts of the CPU to try it; 0: all "
        "GPUs.",
        flag_values=values,
    )


def _train(values: flags.FlagValues) -> None:
    command.require(values, "workdir")
    values.config.validate()
    devices.check(
        values.strategy, values.num_replicas, values.config.data.num_buckets
    )
    _check_before_tensorflow(values)
    startup.import_tensorflow(to_train=True)
    from shared_transformer_tf import experiment

    experiment.train(
        values.config, values.workdir, values.strategy, values.num_replicas
    )


def _check_before_tensorflow(values: flags.FlagValues) -> None:
    """Answers mistakes at once that training would find too."""
    from shared_transformer_tf.data import corpus

    run = run_directory.RunDirectory(values.workdir)
    run.check(values.config)
    if values.strategy != "multiworker":  # of which one alone writes
        run.check_can_be_made()
    if not run.exists:
        config_flag.check_text_is_read(values)
        validation.check_read(values.config)
        validation.check_fall(values.config.training)
        corpus.check_files(values.config.data, "train", "valid")
