r"""Measures speed, as ratios taken in one run; prints JSON.

python bin/benchmark.py attention
python bin/benchmark.py rules
python bin/benchmark.py train --output=results/training.json
python bin/benchmark.py decode --workdir=RUN --source=FILE \
    --output=results/decoding.json
python bin/benchmark.py quantization --workdir=RUN --workdir=RUN2 \
    --source=FILE --reference=FILE --output=results/quantization.json
python bin/benchmark.py serve --model=EXPORT --source=FILE --minutes=10

attention: a step of our self- and cross-attention, forward and backward,
against keras_nlp's CachedMultiHeadAttention, at the size of Multi30k tiny.

rules: how far 50 updates under each gradient rule lead away from those of
`none`, by optimizer.

train: training steps in each precision against OpenNMT-tf and PyTorch (made
by peers/install), the cost of gradient rules, diagnostics and determinism,
tracing, compiling and memory against depth, what TensorFlow gains on a CPU by
keeping the memory of tensors, and a matrix product for scale.

decode: translating with the weights of a run, in batches of 64 and one by one,
beams 4 and 1: Translator, SavedModel, CTranslate2 in float32 and int8, and
OpenNMT-tf's SavedModel; and what deeper searches cost whose layers share.

quantization: runs exported to CTranslate2 in float32 and int8: BLEU, size and
sentences per second, by how often weights are used.

serve: a server of an export under the load of many clients, every answer
compared with the model called directly; latency, memory, and throughput over
that of the model in batches of 16. Exit code 1 if a row is lost, wrong or
swapped, or the server ends badly.
"""

import json
import os
import pathlib
import sys
from collections.abc import Callable, Sequence

from absl import flags

from shared_transformer_tf import errors, extras
from shared_transformer_tf.cli import command, lines, startup

# Subject -> the flags that it reads, beside --output.
SUBJECTS = {
    "attention": ("rounds",),
    "rules": (),
    "train": ("rounds", "steps", "parts", "peers"),
    "decode": ("rounds", "peers", "workdir", "source"),
    "quantization": ("rounds", "workdir", "source", "reference"),
    "serve": ("model", "source", "minutes", "clients"),
}
TRAINING_PARTS = ("speed", "rules", "depth", "kept_memory")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code.

    Args:
        argv: the program's name, the subject and its arguments; `None`:
            `sys.argv`.
    """
    argv = list(sys.argv if argv is None else argv)
    named = [one for one in argv[1:] if one in SUBJECTS]
    subject = named[0] if named else ""
    if named:
        argv.remove(subject)
    elif len(argv) > 1 and not argv[1].startswith("-"):
        subject = argv.pop(1)

    def benchmark(values: flags.FlagValues) -> None:
        _check(subject, values)
        # All sides live at once: none may take a GPU's whole memory.
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
        with command.unwound_by_sigterm():
            results = _measure(subject, values)
        text = json.dumps(results, indent=2)
        print(text)
        if values.output:
            _keep(subject, results, pathlib.Path(values.output))
        if subject == "serve":
            from shared_transformer_tf.benchmark import serving

            serving.check(results)

    return command.run(__doc__, _define_flags, benchmark, argv)


def _check(subject: str, values: flags.FlagValues) -> None:
    if subject not in SUBJECTS:
        raise errors.InputError(
            f"Nothing to measure is called {subject!r}. Say one of "
            f"{', '.join(SUBJECTS)} after the command's name."
        )
    read = ("output", *SUBJECTS[subject])
    for name in {name for names in SUBJECTS.values() for name in names}:
        if values[name].present and name not in read:
            raise errors.InputError(
                f"{subject} does not read --{name}: leave it out."
            )


def _measure(subject: str, values: flags.FlagValues) -> dict:
    return {
        "attention": _measure_attention,
        "rules": _measure_rules,
        "train": _measure_training,
        "decode": _measure_decoding,
        "quantization": _measure_quantization,
        "serve": _measure_server,
    }[subject](values)


def _measure_attention(values: flags.FlagValues) -> dict:
    startup.import_tensorflow()
    from shared_transformer_tf.benchmark import attention

    return attention.compare_attention(rounds=values.rounds)


def _measure_rules(values: flags.FlagValues) -> dict:
    del values
    startup.import_tensorflow()
    from shared_transformer_tf.benchmark import rules

    return rules.compare_rules()


def _measure_training(values: flags.FlagValues) -> dict:
    startup.import_tensorflow()
    from shared_transformer_tf.benchmark import training

    return training.compare(
        values.parts,
        values.rounds,
        values.steps,
        values.peers,
        len(os.sched_getaffinity(0)),
        _keeper(values),
    )


def _measure_decoding(values: flags.FlagValues) -> dict:
    command.require(values, "workdir", "source")
    extras.require("ctranslate2")
    if len(values.workdir) > 1:
        raise errors.InputError("decode takes one --workdir.")
    texts = lines.read(values.source)
    startup.import_tensorflow()
    from shared_transformer_tf.benchmark import decoding

    return decoding.compare(
        values.workdir[0],
        texts,
        values.rounds,
        values.peers,
        _keeper(values),
    )


def _measure_quantization(values: flags.FlagValues) -> dict:
    command.require(values, "workdir", "source", "reference")
    extras.require("ctranslate2")
    startup.import_tensorflow()
    from shared_transformer_tf.benchmark import quantization
    from shared_transformer_tf.data import corpus

    text = corpus.read_parallel(values.source, values.reference)
    return quantization.compare(
        values.workdir, text.source, text.target, values.rounds
    )


def _measure_server(values: flags.FlagValues) -> dict:
    from shared_transformer_tf.serving import version_folder

    command.require(values, "model", "source")
    extras.require("serving")
    version_folder.check(values.model)
    texts = lines.read(values.source)
    startup.import_tensorflow()
    from shared_transformer_tf.benchmark import serving

    return serving.load(values.model, texts, values.minutes, values.clients)


def _keeper(values: flags.FlagValues) -> Callable[[dict], None]:
    """Returns what writes the parts that are measured already."""
    if not values.output:
        return lambda results: None
    return lambda results: _write(results, pathlib.Path(values.output))


def _write(results: dict, path: pathlib.Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def _keep(subject: str, results: dict, path: pathlib.Path) -> None:
    _write(results, path)
    if subject not in ("train", "decode"):
        return
    from shared_transformer_tf.benchmark import (
        bars,
        decoding_bars,
        training_bars,
    )

    panels = {"train": training_bars, "decode": decoding_bars}[subject].PANELS
    bars.draw(panels, results, str(path.with_suffix(".png")))


def _define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_integer(
        "rounds",
        30,
        "Turns of each side.",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "steps",
        5,
        "Steps in each turn, for train.",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_multi_enum(
        "parts",
        list(TRAINING_PARTS),
        list(TRAINING_PARTS),
        "What train measures; once for each.",
        flag_values=values,
    )
    for name, text in (
        ("model", "Folder of an export's versions, for serve."),
        ("source", "File of sentences, for serve, decode and quantization."),
        ("reference", "File of their translations, for quantization."),
    ):
        flags.DEFINE_string(name, "", text, flag_values=values)
    flags.DEFINE_float(
        "minutes",
        10.0,
        "Of mixed load, for serve.",
        lower_bound=0.01,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "clients",
        16,
        "At the same time, for serve.",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_string(
        "peers",
        "peers",
        "Folder of the peers, for train and decode; empty: without them.",
        flag_values=values,
    )
    flags.DEFINE_multi_string(
        "workdir", [], "A run, for decode and quantization.", flag_values=values
    )
    flags.DEFINE_string(
        "output",
        "",
        "JSON file to write too; train and decode draw a .png beside it.",
        flag_values=values,
    )
