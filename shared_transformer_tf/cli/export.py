r"""Exports a run as a model that translates text to text on its own.

python bin/export.py --workdir=runs/multi30k --output=runs/multi30k/export
python bin/export.py --workdir=runs/multi30k --output=runs/multi30k/small \
    --format=ctranslate2 --quantization=int8

Writes <output>/<next number>/ and prints that folder. Before, it is checked
that the export translates as the run does.
"""

import os
import sys
from collections.abc import Sequence
from typing import Any

from absl import flags

from shared_transformer_tf import errors, extras, run_directory
from shared_transformer_tf.cli import command, decoding_flags, startup
from shared_transformer_tf.export import versions

_SAMPLES = 200  # dev lines that a check translates
_NOT_STATED = "not stated"
_Samples = tuple[list[str], list[str]]  # lines, and their translations or none


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
        ("source", "Lines to check the export with; unset: the dev set's."),
        ("reference", "Their translations, for the scores."),
        ("licence", "Of the model, for its card or metadata."),
    ):
        flags.DEFINE_string(name, "", text, flag_values=values)
    flags.DEFINE_enum(
        "format",
        "saved_model",
        ["saved_model", "ctranslate2", "onnx"],
        "Form of the export.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "quantization",
        "float32",
        ["float32", "float16", "int8"],
        "Type of the stored weights, for --format=ctranslate2.",
        flag_values=values,
    )
    decoding_flags.define(values)


def _export(values: flags.FlagValues) -> None:
    command.require(values, "workdir", "output")
    _check_form(values)
    config = run_directory.RunDirectory(values.workdir).read_config()
    options = decoding_flags.options(values, config)
    samples = _named_samples(values)
    versions.check_output(values.output, values.format)
    startup.import_tensorflow()
    from shared_transformer_tf import trained_run
    from shared_transformer_tf.export import parity_gate

    write = _WRITERS[values.format]
    run = trained_run.load_run(values.workdir, values.checkpoint)
    samples = samples or _dev_samples(run)
    try:
        with command.unwound_by_sigterm():
            folder = write(values, run, options, samples)
    except parity_gate.ParityError as error:
        raise errors.InputError(
            f"{error} Nothing was written into {values.output}; translate "
            "with --workdir, and report this line."
        ) from error
    print(folder)


def _check_form(values: flags.FlagValues) -> None:
    """Refuses before TensorFlow is loaded."""
    if values.format in extras.MODULES:
        extras.require(values.format)
    if values.format != "ctranslate2" and values.quantization != "float32":
        raise errors.InputError(
            f"--quantization={values.quantization} goes with "
            "--format=ctranslate2 only."
        )
    if values.format == "ctranslate2" and values.length_penalty == "gnmt":
        raise errors.InputError(
            "--length_penalty=gnmt is not in CTranslate2: leave the flag out, "
            "or give power."
        )


def _named_samples(values: flags.FlagValues) -> _Samples | None:
    """Returns lines that prove the export, and their translations."""
    from shared_transformer_tf.data import corpus

    if values.reference and values.format == "onnx":
        raise errors.InputError(
            "--reference is for scores, which --format=onnx has none of: "
            "leave it out."
        )
    if values.reference and not values.source:
        raise errors.InputError("--reference goes with --source.")
    if not values.source:
        return None
    if values.reference:
        text = corpus.read_parallel(values.source, values.reference)
        samples = text.source[:_SAMPLES], text.target[:_SAMPLES]
    else:
        samples = corpus.read_lines(values.source)[:_SAMPLES], []
    if not any(line.strip() for line in samples[0]):
        raise errors.InputError(
            f"--source={values.source} has no line that is not blank among "
            f"its first {_SAMPLES}: name lines to check the export with."
        )
    return samples


def _dev_samples(run: Any) -> _Samples:
    try:
        return run.sample_pairs(_SAMPLES)
    except errors.InputError as error:
        raise errors.InputError(
            f"{error} The export is checked with {_SAMPLES} lines of the run's "
            "dev set: put it back, or name other lines with --source."
        ) from error


def _saved_model(values: Any, run: Any, options: Any, samples: _Samples) -> str:
    from shared_transformer_tf.export import saved_model

    return saved_model.export_saved_model(
        run.model,
        run.tokenizer,
        values.output,
        options,
        run.config.data.max_length,
        samples=samples[0],
        origin=_origin(run, samples[1], values.licence),
    )


def _origin(run: Any, references: list[str], licence: str) -> Any:
    from shared_transformer_tf.export import model_card

    data = run.config.data
    return model_card.Origin(
        source_language=data.source_language,
        target_language=data.target_language,
        data=_described(data),
        checkpoint=run.checkpoint_name,
        licence=licence or _NOT_STATED,
        complexity=run.describe_complexity(),
        config=run.config.to_dict(),
        references=references,
    )


def _described(data: Any) -> str:
    if data.corpus != "text":
        return f"the {data.corpus} that this package makes"
    source = data.train_source or (
        f"{os.path.basename(os.path.normpath(data.directory))}, split "
        f"{data.train_split}.{data.source_language}"
    )
    target = data.train_target or f"{data.train_split}.{data.target_language}"
    return f"{source} and {target}"


def _ctranslate2(values: Any, run: Any, options: Any, samples: _Samples) -> str:
    from shared_transformer_tf.export import ctranslate2_folder

    return ctranslate2_folder.export_ctranslate2(
        run.model,
        run.tokenizer,
        values.output,
        ctranslate2_folder.Settings(
            decoding=options,
            max_length=run.config.data.max_length,
            quantization=values.quantization,
            sources=samples[0],
            references=samples[1],
            licence=values.licence or _NOT_STATED,
        ),
    )


def _onnx(values: Any, run: Any, options: Any, samples: _Samples) -> str:
    from shared_transformer_tf.export import onnx_folder

    return onnx_folder.export_onnx(
        run.model,
        run.tokenizer,
        values.output,
        options,
        run.config.data.max_length,
        samples=samples[0],
        licence=values.licence or _NOT_STATED,
    )


_WRITERS = {
    "saved_model": _saved_model,
    "ctranslate2": _ctranslate2,
    "onnx": _onnx,
}
