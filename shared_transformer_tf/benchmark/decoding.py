"""Translating timed side by side: our engines, CTranslate2, OpenNMT-tf.

All translate the same sentences with the same weights, those of a trained
run, in batches of 64 sorted by length and one by one; see `turns`. And the
cost of depth: searches of untrained models whose layers share weights.
"""

import dataclasses
import json
import os
import pathlib
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from shared_transformer_tf import errors, trained_run
from shared_transformer_tf.benchmark import turns as turns_lib
from shared_transformer_tf.benchmark.turns import Contender
from shared_transformer_tf.export import (
    ctranslate2_folder,
    ctranslate2_spec,
    saved_model,
)

_BATCHES = 15  # of 64; 960 sentences
_SINGLE = 96  # sentences translated one by one
_CHECKED_LINES = 64
_OPENNMT = "OpenNMT-tf SavedModel"
_SCRIPT = "opennmt_translate"
_COST = {
    "vocabulary_size": 8000,
    "hidden_dim": 128,
    "num_heads": 4,
    "intermediate_dim": 256,
}


def compare(
    workdir: str,
    sources: Sequence[str],
    rounds: int,
    peers: str,
    keep: Callable[[dict[str, Any]], None] = lambda results: None,
) -> dict[str, Any]:
    """Times translation at batch 64 and 1, beam 4 and 1, and cost by depth.

    Args:
        workdir: of the run whose weights all use.
        sources: at least 960 lines.
        rounds: turns of each contender.
        peers: folder of the peers; empty: without them.
        keep: is given what there is after each part.

    Returns:
        By setting and contender: sentences per second (median over the
        turns), the speed over the first contender's in the same round
        (median and quartiles), p50 and p95 of a call's milliseconds, and the
        share of translations that are the `Translator`'s.

    Raises:
        InputError: if there are too few lines or a peer is missing.
    """
    lines = [line for line in sources if line.strip()]
    if len(lines) < 64 * _BATCHES:
        raise errors.InputError(
            f"--source has {len(lines)} lines with text, expected at least "
            f"{64 * _BATCHES}."
        )
    if peers:  # looked for before the exports are made
        turns_lib.peer(_OPENNMT, peers, "opennmt", _SCRIPT, {})
    run = trained_run.load_run(workdir)
    results: dict[str, Any] = {
        "rounds": rounds,
        "processors": len(os.sched_getaffinity(0)),
        "checkpoint": run.checkpoint_name,
    }
    with tempfile.TemporaryDirectory() as folder:
        for beam_size in (4, 1):
            table = _Table(run, workdir, beam_size, pathlib.Path(folder))
            for size in (64, 1):
                chosen = lines[: 64 * _BATCHES if size > 1 else _SINGLE]
                results[f"beam_{beam_size}_batch_{size}"] = _timed(
                    table.contenders(chosen, size, peers), rounds, len(chosen)
                )
                keep(results)
    results["depth"] = _depth(rounds)
    return results


class _Table:
    """Makes the exports and contenders of one beam size."""

    def __init__(self, run, workdir: str, beam_size: int, folder: pathlib.Path):
        self._run = run
        self._workdir = workdir
        self._folder = folder / f"beam_{beam_size}"
        self._folder.mkdir()
        self._decoding = dataclasses.replace(
            run.config.decoding, beam_size=beam_size
        )
        self._exports = {
            "SavedModel": ("saved_model", self._saved_model()),
            "CTranslate2 float32": (
                "ctranslate2",
                self._ctranslate2("float32"),
            ),
            "CTranslate2 int8": ("ctranslate2", self._ctranslate2("int8")),
        }

    def contenders(
        self, lines: Sequence[str], size: int, peers: str
    ) -> list[Contender]:
        """Returns OpenNMT-tf, if there are peers, and ours.

        CTranslate2 works with one core on a batch, as
        `CTranslate2Translator` has it. With batches of more than one sentence
        it is timed too with all of them in one call, which that spreads over
        the cores.
        """
        if size > 1:
            lines = sorted(lines, key=lambda line: -len(line.encode()))
        settings = {"sentences": self._written("lines", lines), "size": size}
        found = []
        if peers:
            found.append(self._opennmt(lines, size, peers))
        engine = {"engine": "translator", "path": str(self._workdir)}
        engine["beam_size"] = self._decoding.beam_size
        found.append(_ours("Translator", settings | engine))
        for name, (kind, path) in self._exports.items():
            engine = settings | {"engine": kind, "path": path}
            found.append(_ours(name, engine))
            if size > 1 and kind == "ctranslate2":
                name = f"{name}, all at once"
                found.append(_ours(name, engine | {"size": len(lines)}))
        return found

    def _written(self, name: str, content: Any) -> str:
        path = self._folder / f"{name}.json"
        path.write_text(json.dumps(content), "utf-8")
        return str(path)

    def _saved_model(self) -> str:
        return saved_model.export_saved_model(
            self._run.model,
            self._run.tokenizer,
            self._folder / "saved_model",
            self._decoding,
            self._run.config.data.max_length,
            samples=self._run.sample_pairs(_CHECKED_LINES)[0],
        )

    def _ctranslate2(self, kind: str) -> str:
        sources, references = self._run.sample_pairs(_CHECKED_LINES)
        return ctranslate2_folder.export_ctranslate2(
            self._run.model,
            self._run.tokenizer,
            self._folder / kind,
            ctranslate2_folder.Settings(
                decoding=self._decoding,
                max_length=self._run.config.data.max_length,
                quantization=kind,
                sources=sources,
                references=references,
            ),
        )

    def _opennmt(
        self, lines: Sequence[str], size: int, peers: str
    ) -> Contender:
        run, model = self._run, self._run.config.model
        pieces = ctranslate2_spec.pieces(run.tokenizer.source_model)
        encoded = run.tokenizer.encode_source(lines)
        spec = ctranslate2_spec.make_spec(
            run.model, run.tokenizer, run.config.data.max_length
        )
        weights = self._folder / "weights.npz"
        arrays = {
            name: value
            for name, value in spec.variables().items()
            if isinstance(value, np.ndarray)
        }
        np.savez(weights, **arrays)
        settings = {
            "weights": str(weights),
            "pieces": self._written("pieces", pieces),
            "sentences": self._written(
                "encoded", [[pieces[i] for i in ids] for ids in encoded]
            ),
            "size": size,
            "model": {
                "hidden_dim": model.hidden_dim,
                "num_heads": model.num_heads,
                "intermediate_dim": model.intermediate_dim,
                "encoder_layers": run.model.encoder.num_layers,
                "decoder_layers": run.model.decoder.num_layers,
                "pre_norm": model.normalization == "pre",
            },
            "params": {
                "beam_width": self._decoding.beam_size,
                "length_penalty": self._decoding.alpha,
                "maximum_decoding_length": run.config.data.max_length,
            },
        }
        command = turns_lib.peer(_OPENNMT, peers, "opennmt", _SCRIPT, settings)
        return Contender(_OPENNMT, command, size)


def _ours(name: str, settings: dict) -> Contender:
    module = "shared_transformer_tf.benchmark.translation_step"
    command = (sys.executable, "-m", module, json.dumps(settings))
    return Contender(name, command, settings["size"])


def _timed(contenders: Sequence[Contender], rounds: int, lines: int) -> dict:
    """Times contenders; each translates all lines in its turn."""
    steps = [lines // one.units for one in contenders]
    facts, turns = turns_lib.take(contenders, rounds, steps)
    answers = [said.pop("answers") for said in facts]
    for said in facts:
        del said["first_step_seconds"]  # after the answers it was not first
    wanted = answers[[one.name for one in contenders].index("Translator")]
    results = _speeds(contenders, facts, turns)
    for one, texts in zip(contenders, answers, strict=True):
        same = sum(a == b for a, b in zip(texts, wanted, strict=True))
        results[one.name]["same_translations"] = same / lines
    return results


def _speeds(contenders: Sequence[Contender], facts, turns) -> dict[str, Any]:
    each = [
        [turn[index]["each"] for turn in turns]
        for index in range(len(contenders))
    ]
    speeds = [
        [one.units * len(times) / sum(times) for times in its]
        for one, its in zip(contenders, each, strict=True)
    ]
    return {
        one.name: facts[index]
        | {
            "sentences_per_second": round(statistics.median(speeds[index]), 1),
            **turns_lib.ratio(speeds[index], speeds[0]),
            "milliseconds": _percentiles(sum(each[index], [])),
        }
        for index, one in enumerate(contenders)
    }


def _percentiles(seconds: Sequence[float]) -> dict[str, float]:
    p50, p95 = 1e3 * np.percentile(seconds, [50, 95])
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2)}


def _depth(rounds: int) -> dict[str, Any]:
    """Times searches of 3 blocks over 3, 6 and 12 layers, and 12 of 12."""
    settings = {"rows": 64, "length": 20, "beam_size": 4}
    contenders = []
    for name, sizes in {
        "3 layers": {"num_layers": 3},
        "6 over 3": {"num_layers": 6, "num_blocks": 3, "sharing": "cycle"},
        "12 over 3": {"num_layers": 12, "num_blocks": 3, "sharing": "cycle"},
        "12 layers": {"num_layers": 12},
    }.items():
        module = "shared_transformer_tf.benchmark.search_step"
        given = json.dumps(settings | {"model": _COST | sizes})
        command = (sys.executable, "-m", module, given)
        contenders.append(Contender(name, command, settings["rows"]))
    facts, turns = turns_lib.take(contenders, rounds, [3] * len(contenders))
    results = _speeds(contenders, facts, turns)
    first = facts[0]["search_flops"]
    for one in results.values():
        one["cost_ratio"] = 1 / one["speed_ratio"]
        one["flops_ratio"] = one["search_flops"] / first
    return results
