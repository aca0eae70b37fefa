"""What rounding to int8 costs and gains, by how often weights are used.

Rounding errors of a weight that several layers use add up over its uses.
Runs that differ in sharing alone, exported in float32 and int8, show by how
much; see `--format=ctranslate2`.
"""

import dataclasses
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from absl import logging

from shared_transformer_tf import trained_run
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.evaluation import metrics
from shared_transformer_tf.export import (
    ctranslate2_folder,
    ctranslate2_translator,
)

_TYPES = ("float32", "int8")
_CHECKED_LINES = 200


def compare(
    workdirs: Sequence[str],
    sources: Sequence[str],
    references: Sequence[str],
    rounds: int,
) -> dict[str, Any]:
    """Exports runs in float32 and int8 and translates a test set with each.

    Args:
        workdirs: of the runs.
        sources: lines to translate.
        references: their translations.
        rounds: turns that each export takes to translate all lines.

    Returns:
        Per run: how often its weights are used, `model` with its BLEU, and
        for each type the file's bytes, BLEU, the share of translations that
        are the model's, and sentences per second (the median of the turns).

    Raises:
        InputError: if two runs have the same name.
    """
    names = [os.path.basename(os.path.normpath(path)) for path in workdirs]
    if len(set(names)) < len(names):
        raise InputError(
            f"Runs are told apart by the names of their folders: {names} has "
            "one twice."
        )
    results: dict[str, Any] = {}
    exports: dict[tuple[str, str], Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, workdir in zip(names, workdirs, strict=True):
            run = trained_run.load_run(workdir)
            translations = _of_model(run, sources)
            results[name] = _facts(run, translations, references)
            for kind in _TYPES:
                output = os.path.join(folder, name, kind)
                exports[name, kind] = _exported(run, kind, output)
                results[name][kind] = _judged(
                    exports[name, kind], sources, references, translations
                )
        speeds = _speeds(exports, sources, rounds)
    for (name, kind), speed in speeds.items():
        results[name][kind]["sentences_per_second"] = speed
    return {
        "sentences": len(sources),
        "turns": rounds,
        "threads": len(os.sched_getaffinity(0)),
        "runs": results,
    }


def _of_model(run: trained_run.Run, sources: Sequence[str]) -> dict[str, list]:
    """By length penalty: the run's own, and the one CTranslate2 knows."""
    own = run.config.decoding
    return {
        penalty: run.translator(
            dataclasses.replace(own, length_penalty=penalty)
        )(sources)
        for penalty in sorted({own.length_penalty, "power"})
    }


def _facts(
    run: trained_run.Run, translations: dict[str, list], references
) -> dict[str, Any]:
    stacks = {"encoder": run.model.encoder, "decoder": run.model.decoder}
    return {
        "checkpoint": run.checkpoint_name,
        "weights": int(
            sum(weight.numpy().size for weight in run.model.trainable_weights)
        ),
        "uses": {
            name: list(stack.plan.uses("feed_forward"))
            for name, stack in stacks.items()
        },
        "model": {
            f"bleu_{penalty}": metrics.dev_scores(texts, references)["bleu"]
            for penalty, texts in translations.items()
        },
    }


def _exported(run: trained_run.Run, kind: str, output: str):
    lines, references = run.sample_pairs(_CHECKED_LINES)
    folder = ctranslate2_folder.export_ctranslate2(
        run.model,
        run.tokenizer,
        output,
        ctranslate2_folder.Settings(
            decoding=run.config.decoding,
            max_length=run.config.data.max_length,
            quantization=kind,
            sources=lines,
            references=references,
        ),
    )
    return ctranslate2_translator.CTranslate2Translator(folder)


def _judged(export, sources, references, translations) -> dict[str, Any]:
    found = export(sources)
    pairs = list(zip(found, translations["power"], strict=True))
    return {
        "bytes": os.path.getsize(os.path.join(export.path, "model.bin")),
        "bleu": metrics.dev_scores(found, references)["bleu"],
        "identical": sum(a == b for a, b in pairs) / len(pairs),
        "check": export.metadata["check"],
    }


def _speeds(
    exports: dict[tuple[str, str], Any], sources: Sequence[str], rounds: int
) -> dict[tuple[str, str], float]:
    """Turn by turn, so that a busy machine slows all of them."""
    seconds: dict[tuple[str, str], list[float]] = {key: [] for key in exports}
    for turn in range(rounds):
        for key, export in exports.items():
            start = time.perf_counter()
            export(sources)
            seconds[key].append(time.perf_counter() - start)
        logging.info("Turn %d of %d", turn + 1, rounds)
    return {
        key: len(sources) / statistics.median(turns)
        for key, turns in seconds.items()
    }
