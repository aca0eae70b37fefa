r"""Lower-cases, normalises and tokenises text as Moses' scripts do.

python bin/prepare.py --source=data/multi30k --output=data/multi30k_moses \
    --languages=en,de --splits=train,val,test_2016_flickr

For scores that papers give on such text; see configs/multi30k_published.py.
"""

import sys
from collections.abc import Sequence

from absl import flags

from shared_transformer_tf.cli import command


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code.

    Args:
        argv: the program's name and its arguments; `None`: `sys.argv`.
    """
    argv = sys.argv if argv is None else argv
    return command.run(__doc__, _define_flags, _prepare, argv)


def _define_flags(values: flags.FlagValues) -> None:
    for name, text in (
        ("source", "Folder of SPLIT.LANGUAGE, plain or .gz."),
        ("output", "Folder for the tokenised files; not the same."),
    ):
        flags.DEFINE_string(name, "", text, flag_values=values)
    for name, default in (
        ("languages", ["en", "de"]),
        ("splits", ["train", "val", "test_2016_flickr"]),
    ):
        flags.DEFINE_list(
            name, default, f"The {name}, with commas.", flag_values=values
        )


def _prepare(values: flags.FlagValues) -> None:
    command.require(values, "source", "output", "languages", "splits")
    from shared_transformer_tf.data import moses

    moses.prepare(
        values.source,
        values.output,
        values.splits,
        values.languages,
        lambda name, lines, tokens: print(
            f"{name}: {lines:,} lines, {tokens:,} tokens", flush=True
        ),
    )
