"""Exports a run as a model that translates text to text on its own.

python bin/export.py --workdir=runs/multi30k --output=runs/multi30k/export

Writes <output>/<next number>/ and prints that folder.
"""

import sys
from collections.abc import Sequence

from absl import flags

from shared_transformer_tf import errors
from shared_transformer_tf.cli import command, decoding_flags, startup


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code.

    Args:
        argv: the program's name and its arguments; `None`: `sys.argv`.
    """
    argv = sys.argv if argv is None else argv
    return command.run(__doc__, _define_flags, _export, argv)


def _define_flags(values: flags.FlagValues) -> None:
    for name, text in (
        ("workdir", "Folder of the run."),
        ("checkpoint", "Checkpoint to take; unset: the run's best average."),
        ("output", "Folder of numbered versions; made if absent."),
    ):
        flags.DEFINE_string(name, "", text, flag_values=values)
    flags.DEFINE_enum(
        "format",
        "saved_model",
        ["saved_model"],
        "Form of the export.",
        flag_values=values,
    )
    decoding_flags.define(values)


def _export(values: flags.FlagValues) -> None:
    command.require(values, "workdir", "output")
    startup.import_tensorflow()
    from shared_transformer_tf import trained_run
    from shared_transformer_tf.export import parity_gate, saved_model

    run = trained_run.load_run(values.workdir, values.checkpoint)
    try:
        folder = saved_model.export_saved_model(
            run.model,
            run.tokenizer,
            values.output,
            decoding_flags.options(values, run.config),
            run.config.data.max_length,
            samples=run.sample_lines(),
        )
    except parity_gate.ParityError as error:
        raise errors.InputError(
            f"{error} Nothing was written into {values.output}; translate "
            "with --workdir, and report this line."
        ) from error
    print(folder)
