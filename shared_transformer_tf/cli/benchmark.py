"""Measures speed, as ratios taken in one run; prints JSON.

python bin/benchmark.py attention

attention: a step of our self- and cross-attention, forward and backward,
against keras_nlp's CachedMultiHeadAttention, at the size of Multi30k tiny.
"""

import json
import sys
from collections.abc import Sequence

from absl import flags

from shared_transformer_tf import errors
from shared_transformer_tf.cli import command, startup

SUBJECTS = ("attention",)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code.

    Args:
        argv: the program's name, the subject and its arguments; `None`:
            `sys.argv`.
    """
    argv = list(sys.argv if argv is None else argv)
    subject = ""
    if len(argv) > 1 and not argv[1].startswith("-"):
        subject = argv.pop(1)

    def benchmark(values: flags.FlagValues) -> None:
        if subject not in SUBJECTS:
            raise errors.InputError(
                f"Nothing to measure is called {subject!r}. Say one of "
                f"{', '.join(SUBJECTS)} after the command's name."
            )
        startup.import_tensorflow()
        from shared_transformer_tf.benchmark import attention

        results = attention.compare_attention(rounds=values.rounds)
        print(json.dumps(results, indent=2))

    return command.run(__doc__, _define_flags, benchmark, argv)


def _define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_integer(
        "rounds",
        30,
        "Pairs of timed steps.",
        lower_bound=1,
        flag_values=values,
    )
