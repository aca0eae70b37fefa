r"""Translates a test set with a run and measures BLEU, chrF and TER.

python bin/evaluate.py --workdir=runs/multi30k \
    --source=test_2016_flickr.en.gz --reference=test_2016_flickr.de.gz

Without files it takes the test split of the run's config.
"""

import json
import re
import sys
import time
from collections.abc import Sequence
from typing import Any

from absl import flags

from shared_transformer_tf import errors, run_directory
from shared_transformer_tf.cli import command, decoding_flags, startup

# What the tokenisers of words part, nearly: 13a only at ASCII punctuation.
_TOKEN = {
    "none": r"\S+",
    "13a": r"[^\s!-&(-,./:-@\[-`{-~]+|[!-&(-,./:-@\[-`{-~]",
    "intl": r"\w+|[^\w\s]",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code.

    Args:
        argv: the program's name and its arguments; `None`: `sys.argv`.
    """
    argv = sys.argv if argv is None else argv
    return command.run(__doc__, _define_flags, _evaluate, argv)


def _define_flags(values: flags.FlagValues) -> None:
    for name, text in (
        ("workdir", "Folder of the run."),
        ("checkpoint", "Checkpoint to take; unset: the run's best average."),
        ("source", "File of sentences to translate, plain or .gz."),
        ("reference", "File of their translations."),
    ):
        flags.DEFINE_string(name, "", text, flag_values=values)
    flags.DEFINE_enum(
        "tokenize",
        "13a",
        ["13a", "none", "intl", "char", "zh"],
        "sacreBLEU's tokeniser for BLEU; none: the text is tokenised.",
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "json", False, "Print one JSON object.", flag_values=values
    )
    decoding_flags.define(values)


def _evaluate(values: flags.FlagValues) -> None:
    command.require(values, "workdir")
    config = run_directory.RunDirectory(values.workdir).read_config()
    options = decoding_flags.options(values, config)
    sources, references = _read(values, config)
    startup.import_tensorflow()
    from shared_transformer_tf import trained_run
    from shared_transformer_tf.evaluation import metrics

    run = trained_run.load_run(values.workdir, values.checkpoint)
    translator = run.translator(options)
    start = time.perf_counter()
    hypotheses = translator(sources)
    seconds = time.perf_counter() - start
    tokens = sum(map(len, run.tokenizer.encode_target(hypotheses)))
    matches = sum(
        hypothesis == reference
        for hypothesis, reference in zip(hypotheses, references, strict=True)
    )
    result = {
        "checkpoint": run.checkpoint_name,
        **metrics.evaluate(hypotheses, references, values.tokenize).to_dict(),
        "exact": 100.0 * matches / len(references),
        "sentences": len(references),
        "tokens": tokens,
        "seconds": round(seconds, 3),
    }
    print(json.dumps(result) if values.json else _table(result))
    if not values.json and _no_run_of_four(references, values.tokenize):
        print(
            "BLEU counts runs of four words and no reference has as many: "
            "look at chrF and exact."
        )


def _no_run_of_four(lines: Sequence[str], tokenize: str) -> bool:
    if tokenize in ("char", "zh"):
        return False
    return all(len(re.findall(_TOKEN[tokenize], line)) < 4 for line in lines)


def _read(values: flags.FlagValues, config: Any) -> tuple[list, list]:
    from shared_transformer_tf.data import corpus

    if bool(values.source) != bool(values.reference):
        raise errors.InputError(
            "--source and --reference go together: give both, or neither to "
            "take the test split of the run."
        )
    if values.source:
        text = corpus.read_parallel(values.source, values.reference)
    else:
        text = corpus.load_split(config.data, "test", config.training.seed)
    if not text.source:
        raise errors.InputError(
            f"{values.source or 'The test split'} has no lines to evaluate."
        )
    return text.source, text.target


def _table(result: dict[str, Any]) -> str:
    signatures = result["signatures"]
    rows = [
        f"{label:<11}{result[name]:.2f}  {signatures[name]}"
        for label, name in (("BLEU", "bleu"), ("chrF", "chrf"), ("TER", "ter"))
    ]
    rate = result["tokens"] / max(result["seconds"], 1e-9)
    return "\n".join(
        [
            *rows,
            f"{'exact':<11}{result['exact']:.2f}  % of "
            f"{result['sentences']} sentences",
            f"{'tokens':<11}{result['tokens']}",
            f"{'seconds':<11}{result['seconds']:.1f}  {rate:.0f} tokens/s, "
            "tracing included",
            f"{'checkpoint':<11}{result['checkpoint']}",
        ]
    )
