"""The gate before every CTranslate2 export: it translates as the model does."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from shared_transformer_tf.decoding import sentences, translator
from shared_transformer_tf.evaluation import metrics
from shared_transformer_tf.export import (
    check_lines,
    ctranslate2_translator,
    parity_gate,
    ties,
)

_TIE = 1e-4  # two translations whose scores are closer are equally good


@dataclasses.dataclass(frozen=True)
class Bounds:
    """What an export may differ by.

    Attributes:
        score: of a translation's log-probability per token, on the mean over
            the lines; of float32 weights on every line.
        same: share of the lines with the same translation, ties included.
        bleu: points, on lines with references.
    """

    score: float
    same: float
    bleu: float


# Rounded weights are other weights: what their export must show is that it
# lost no more than rounding takes, not that it is the same.
BOUNDS = {
    "float32": Bounds(score=1e-4, same=0.99, bleu=0.1),
    "float16": Bounds(score=5e-3, same=0.9, bleu=0.5),
    "int8": Bounds(score=5e-2, same=0.5, bleu=1.0),
}


def check(
    export: ctranslate2_translator.CTranslate2Translator,
    in_memory: translator.Translator,
    quantization: str,
    sources: Sequence[str] = (),
    references: Sequence[str] = (),
) -> dict[str, float]:
    """Compares a loaded export with the model it was made from.

    Both translate the sources, or random lines if there are none, and lines
    that are blank, odd or too long. The export scores what the model
    translated, by teacher forcing.

    Args:
        export: the loaded folder.
        in_memory: the model's translator, of the same search.
        quantization: a key of `BOUNDS`.
        sources: lines to translate.
        references: their translations; may be missing.

    Returns:
        What was found: counts, shares and differences.

    Raises:
        ParityError: if it is outside the bounds.
    """
    sources = list(sources) or check_lines.made(
        in_memory.tokenizer, in_memory.max_length
    )
    lines = [*check_lines.ODD, *sources]
    with tf.device("CPU:0"):
        expected = [best for (best,) in in_memory.translate_with_scores(lines)]
        found = export.translate_with_scores(lines)
        wanted, came = ([text for text, _ in x] for x in (expected, found))
        differences = _score_differences(export, in_memory, lines, wanted)
        good = ties.equal_or_tied(in_memory, lines, expected, found, _TIE)
    _check_blank(lines, came)
    same = [a == b for a, b in zip(wanted, came, strict=True)]
    report = {
        "lines": len(lines),
        "identical": float(np.mean(same)),
        "identical_or_tied": float(np.mean(good)),
        "score_difference_mean": float(np.mean(differences)),
        "score_difference_largest": float(np.max(differences)),
    }
    if references:
        first = len(check_lines.ODD)
        report["bleu"], report["bleu_of_model"] = (
            metrics.dev_scores(texts[first:], references)["bleu"]
            for texts in (came, wanted)
        )
    _judge(report, quantization, _example(lines, wanted, came))
    return report


def _check_blank(lines: Sequence[str], came: Sequence[str]) -> None:
    for line, text in zip(lines, came, strict=True):
        if text and not line.strip():
            raise parity_gate.ParityError(
                f"The export translates {line!r}, which is blank, to "
                f"{text!r:.200}."
            )


def _judge(report: dict, quantization: str, example: str) -> None:
    bounds = BOUNDS[quantization]
    exact = quantization == "float32"
    which = "largest" if exact else "mean"
    # so that a score that is not a number fails, too
    if not report[f"score_difference_{which}"] <= bounds.score:
        raise parity_gate.ParityError(
            f"The {quantization} export gives the model's translations other "
            f"log-probabilities per token: the {which} difference is "
            f"{report[f'score_difference_{which}']:.2g}, more than "
            f"{bounds.score:g}."
        )
    if report["identical_or_tied"] < bounds.same:
        raise parity_gate.ParityError(
            f"The {quantization} export translates "
            f"{report['identical_or_tied']:.1%} of {report['lines']} lines as "
            f"the model does, fewer than {bounds.same:.0%}: {example}"
        )
    lost = report.get("bleu_of_model", 0) - report.get("bleu", 0)
    if (abs(lost) if exact else lost) > bounds.bleu:
        raise parity_gate.ParityError(
            f"The {quantization} export has {report['bleu']:.2f} BLEU on "
            f"{report['lines']} lines and the model "
            f"{report['bleu_of_model']:.2f}: more than {bounds.bleu} apart."
        )


def _example(lines, wanted, came) -> str:
    for line, ours, theirs in zip(lines, wanted, came, strict=True):
        if ours != theirs:
            return f"{line!r:.200} becomes {theirs!r:.200}, not {ours!r:.200}."
    return ""


def _score_differences(
    export, in_memory, lines: list[str], translations: list[str]
) -> np.ndarray:
    """Per token, for the lines that have tokens."""
    tokens = in_memory.tokenizer.encode_source(
        [sentences.clean_text(line) for line in lines]
    )
    scored = [i for i, row in enumerate(tokens) if row]
    lines = [lines[i] for i in scored]
    translations = [translations[i] for i in scored]
    ours = np.array(in_memory.score(lines, translations))
    theirs = np.array(export.score(lines, translations))
    tokens = in_memory.tokenizer.encode_target(translations)
    return np.abs(ours - theirs) / [len(row) + 1 for row in tokens]
