"""Prints the log-probability of each given translation, one per line.

python bin/score.py --workdir=runs/multi30k --source=FILE --target=FILE

The number is the natural logarithm, summed over the tokens of the line and
its end, not normalised by length.
"""

import sys
from collections.abc import Sequence

from absl import flags

from shared_transformer_tf import errors, run_directory
from shared_transformer_tf.cli import command, lines, startup

_CHUNK_LINES = 2048


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code.

    Args:
        argv: the program's name and its arguments; `None`: `sys.argv`.
    """
    argv = sys.argv if argv is None else argv
    return command.run(__doc__, _define_flags, _score, argv)


def _define_flags(values: flags.FlagValues) -> None:
    for name, text in (
        ("workdir", "Folder of the run."),
        ("checkpoint", "Checkpoint to take; unset: the run's best average."),
        ("source", "File of sentences, plain or .gz."),
        ("target", "File of their translations, as many."),
    ):
        flags.DEFINE_string(name, "", text, flag_values=values)


def _score(values: flags.FlagValues) -> None:
    command.require(values, "workdir", "source", "target")
    run_directory.RunDirectory(values.workdir).read_config()
    sources, targets = lines.read(values.source), lines.read(values.target)
    if len(sources) != len(targets):
        raise errors.InputError(
            f"{values.source} has {len(sources)} lines and {values.target} "
            f"{len(targets)}: line by line they must belong together."
        )
    startup.import_tensorflow()
    from shared_transformer_tf import trained_run

    run = trained_run.load_run(values.workdir, values.checkpoint)
    translator = run.translator()
    for start in range(0, len(sources), _CHUNK_LINES):
        chunk = slice(start, start + _CHUNK_LINES)
        scores = translator.score(sources[chunk], targets[chunk])
        lines.write(sys.stdout.buffer, [[f"{score:.6f}"] for score in scores])
