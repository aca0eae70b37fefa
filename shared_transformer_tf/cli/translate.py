"""Translates the lines of stdin: one line in, one line out, always.

python bin/translate.py --workdir=runs/multi30k < text > translations
python bin/translate.py --model=runs/multi30k/export < text > translations
python bin/translate.py --server=127.0.0.1:8500 < text > translations

With --num_best above 1, or --sampling and --num_samples, the translations of
a line stand on one line, parted by tabs.
"""

import math
import sys
from collections.abc import Callable, Sequence

from absl import flags

from shared_transformer_tf import config, errors, extras, run_directory
from shared_transformer_tf.cli import command, decoding_flags, lines, startup
from shared_transformer_tf.decoding import sampling_options

# One chunk of random translations: what is drawn depends on the cutting, so
# it must not depend on how fast a pipe delivers.
_SAMPLED_LINES = 512
_LARGEST_ALPHA = 100  # the exported search takes a larger one for it
_FROM = ("workdir", "model", "server")
_SEARCH_FLAGS = ("beam_size", "alpha", "length_penalty", "coverage_penalty")
_SEEDS = 2**31  # of int32, from 0
_SAMPLING_FLAGS = ("temperature", "top_k", "top_p", "num_samples", "seed")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code.

    Args:
        argv: the program's name and its arguments; `None`: `sys.argv`.
    """
    argv = sys.argv if argv is None else argv
    return command.run(__doc__, _define_flags, _translate, argv)


def _define_flags(values: flags.FlagValues) -> None:
    for name, text in (
        ("workdir", "Folder of a run."),
        ("checkpoint", "Checkpoint to take; unset: the run's best average."),
        ("model", "Folder of an exported model, instead of a run."),
        ("server", "HOST:PORT of gRPC of a server, instead of a run."),
        ("server_model", "What the server calls the model: `translator`."),
    ):
        flags.DEFINE_string(name, "", text, flag_values=values)
    flags.DEFINE_integer(
        "num_best",
        1,
        "Translations per line, at most the beam size.",
        flag_values=values,
    )
    flags.DEFINE_float(
        "server_seconds",
        120.0,
        "With --server. Gives up after so long without any answer.",
        lower_bound=0.1,
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "sampling", False, "Draw at random, no search.", flag_values=values
    )
    for define, name, default, text in (
        (flags.DEFINE_float, "temperature", 1.0, "Divides the logits."),
        (flags.DEFINE_integer, "top_k", 0, "Draw among k tokens; 0: all."),
        (flags.DEFINE_float, "top_p", 1.0, "Nucleus sampling; 1: all."),
        (flags.DEFINE_integer, "num_samples", 1, "Drawn per line."),
        (flags.DEFINE_integer, "seed", 0, "Of the draw."),
    ):
        define(name, default, f"With --sampling. {text}", flag_values=values)
    decoding_flags.define(values)


def _translate(values: flags.FlagValues) -> None:
    given = [name for name in _FROM if values[name].value]
    if len(given) != 1:
        raise errors.InputError(
            "Give one of --workdir=RUN, --model=EXPORT and --server=HOST:PORT."
        )
    if values.num_best < 1:
        raise errors.InputError(
            f"--num_best is {values.num_best}, expected 1 to the beam size."
        )
    drawing = _sampling_options(values)
    for name in ("server_model", "server_seconds"):
        if values[name].present and not values.server:
            raise errors.InputError(f"--{name} needs --server.")
    if values.server:
        options = _server_options(values)
    elif values.model:
        _refuse_search(values)
        _check_export(values.model)
    else:
        options = _run_options(values)
    startup.import_tensorflow()
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    if values.server:
        translate = _served(values, options)
    elif values.model:
        translate = _exported(values.model)
    else:
        translate = _of_run(values, options, drawing)
    if values.sampling:
        chunks = lines.in_chunks(stdin, _SAMPLED_LINES)
    else:
        chunks = lines.arriving(stdin)
    for number, chunk in enumerate(chunks):
        lines.write(stdout, translate(number, chunk))


def _sampling_options(
    values: flags.FlagValues,
) -> sampling_options.SamplingOptions:
    if values.sampling and values.num_best != 1:
        raise errors.InputError(
            "--num_best is for the search: with --sampling give --num_samples."
        )
    for name in _SEARCH_FLAGS:
        if values[name].present and values.sampling:
            raise errors.InputError(
                f"--{name} is for the search: leave it out with --sampling."
            )
    for name in _SAMPLING_FLAGS:
        if values[name].present and not values.sampling:
            raise errors.InputError(f"--{name} needs --sampling.")
    return sampling_options.SamplingOptions(
        num_samples=values.num_samples,
        temperature=values.temperature,
        top_k=values.top_k,
        top_p=values.top_p,
    )


def _refuse_search(values: flags.FlagValues) -> None:
    reason = "an export holds its search; use --workdir."
    decoding_flags.refuse(values, reason)
    for name in ("num_best", "sampling", "checkpoint"):
        if values[name].present:
            raise errors.InputError(f"--{name} cannot be set here: {reason}")


def _check_export(folder: str) -> None:
    """Refuses, before TensorFlow is loaded, what cannot be loaded."""
    from shared_transformer_tf.export import versions

    form = versions.form(versions.newest(folder))
    if form in extras.MODULES:
        extras.require(form)


def _exported(folder: str) -> Callable:
    from shared_transformer_tf.export import loaded

    model = loaded.load_exported(folder)
    return lambda number, chunk: [[text] for text in model(chunk)]


def _server_options(values: flags.FlagValues):
    from shared_transformer_tf.serving import call_options

    host, _, port = values.server.rpartition(":")
    number = int(port) if port.isascii() and port.isdecimal() else 0
    if not (host and 0 < number < 65_536):
        raise errors.InputError(
            f"--server is {values.server!r}, expected HOST:PORT of gRPC, such "
            "as 127.0.0.1:8500."
        )
    if not math.isfinite(values.server_seconds):
        raise errors.InputError(
            f"--server_seconds is {values.server_seconds}, expected a number."
        )
    refused = [*decoding_flags.given(values), "checkpoint", "sampling"]
    for name in refused:
        if values[name].present and name not in ("beam_size", "alpha"):
            raise errors.InputError(
                f"--{name} cannot be set with --server: the model was "
                "exported with its search; use --workdir."
            )
    if values.alpha is not None and not 0 <= values.alpha <= _LARGEST_ALPHA:
        raise errors.InputError(
            f"--alpha is {values.alpha}, expected 0 to {_LARGEST_ALPHA}."
        )
    if values.beam_size is not None and values.beam_size < 1:
        raise errors.InputError(
            f"--beam_size is {values.beam_size}, expected at least 1."
        )
    return call_options.CallOptions(
        name=values.server_model or "translator",
        num_best=values.num_best,
        beam_size=values.beam_size,
        length_penalty=values.alpha,
    )


def _served(values: flags.FlagValues, options) -> Callable:
    from shared_transformer_tf.serving import client

    translate = client.Client(
        values.server, options, patience_seconds=values.server_seconds
    )
    if options.beam_size is not None:
        _check_beams(options.beam_size, translate)
    return lambda number, chunk: translate(chunk)


def _check_beams(asked: int, translate) -> None:
    """Refuses a beam that the server's model would take for a smaller one."""
    from shared_transformer_tf.export import signatures

    if asked <= signatures.MOST_BEAMS:
        return
    most = max(signatures.MOST_BEAMS, translate.exported_beams())
    if asked > most:
        raise errors.InputError(
            f"--beam_size is {asked}, but the server's model searches with "
            f"{most} at most: lower it, or use --workdir."
        )


def _run_options(values: flags.FlagValues) -> config.DecodingConfig:
    trained = run_directory.RunDirectory(values.workdir).read_config()
    options = decoding_flags.options(values, trained)
    if values.num_best > options.beam_size:
        raise errors.InputError(
            f"--num_best is {values.num_best}, expected 1 to the beam size, "
            f"{options.beam_size}: lower --num_best or raise --beam_size."
        )
    return options


def _of_run(
    values: flags.FlagValues,
    options: config.DecodingConfig,
    drawing: sampling_options.SamplingOptions,
) -> Callable:
    from shared_transformer_tf import trained_run

    run = trained_run.load_run(values.workdir, values.checkpoint)
    translator = run.translator(options)
    if values.sampling:
        return _sampler(translator, drawing, values.seed)
    if values.num_best == 1:
        return lambda number, chunk: [[text] for text in translator(chunk)]
    return lambda number, chunk: translator(chunk, num_best=values.num_best)


def _sampler(
    translator: Callable,
    drawing: sampling_options.SamplingOptions,
    seed: int,
) -> Callable:
    def sample(number: int, chunk: list[str]) -> list[list[str]]:
        drawn = translator.sample(chunk, drawing, (seed + number) % _SEEDS)
        return [[text for text, _ in samples] for samples in drawn]

    return sample
