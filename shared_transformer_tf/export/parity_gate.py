"""The gate before every export: what is written equals what is in memory."""

import dataclasses
import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence

import tensorflow as tf

from shared_transformer_tf import config
from shared_transformer_tf.decoding import sentences
from shared_transformer_tf.export import check_lines, parity
from shared_transformer_tf.export.in_memory import Found, InMemory

_FIXED_LINES = (
    b"",
    b" \t ",
    b"A man rides a bike.",
    b"one hundred and twenty-three",
    b"\xff\xfe not UTF-8 \xe2\x82 here \xf0\x9f",
    b"a\x00b",
    "\U0001f6b2 \u00e9 e\u0301 \u3000 \ufb01 \u200b".encode(),
    b"and so on " * 200,
)
# beam size, length penalty, limit: what rows of one batch are given in turn
_ROW_OPTIONS = ((1, 0.0, 1000), (4, 1.0, 20), (6, 0.6, 7))
TIE = 1e-5  # translations whose scores are closer are equally good
_SCORE_TOLERANCE = 1e-4
# of larger scores: some units in the last place of float32
_RELATIVE_TOLERANCE = 1e-6


class ParityError(RuntimeError):
    """An export does not do what the model in memory does."""


def check(
    folder: str,
    model,
    tokenizer,
    options: config.DecodingConfig,
    max_length: int,
    samples: Sequence[str] = (),
) -> list[str]:
    """Compares a written SavedModel with the model it was made from.

    Lines that are blank, not UTF-8, too long, or made of random pieces of
    the vocabulary are translated by both, on the CPU: by the export in one
    batch, alone, and in a batch of none, by each of its signatures.

    Args:
        folder: the SavedModel.
        model: what it was made from.
        tokenizer: the model's.
        options: as exported.
        max_length: as exported.
        samples: further lines.

    Returns:
        The samples' translations by the export.

    Raises:
        ParityError: if a translation differs without a tie, a score is not
            that of teacher forcing, or weights are not stored exactly once.
    """
    lines = [
        *_FIXED_LINES,
        *(line.encode() for line in check_lines.made(tokenizer, max_length)),
        *(sentences.clean_text(line).encode() for line in samples),
    ]
    batches = [lines, lines[:1], lines[-1:], []]
    own_options = [_ROW_OPTIONS[i % 3] for i in range(len(lines))]
    answer = _run_alone(folder, _calls(batches, own_options))
    _check_weights(answer["float_bytes"], model)
    *translated, nbest, chosen = answer["answers"]
    in_memory = InMemory(model, tokenizer, max_length)
    with tf.device("CPU:0"):
        _check_nbest(lines, nbest, in_memory, options)
        scores = _scores(lines, nbest)
        for batch, given in zip(batches, translated, strict=True):
            texts = _texts(batch)
            expected = in_memory.translate(texts, options)
            _check_batch(texts, expected, given["translation"], scores)
        _check_options(lines, chosen, own_options, in_memory, options)
    return _as_text(translated[0]["translation"])[len(lines) - len(samples) :]


def _calls(batches, own_options) -> list[dict]:
    lines = batches[0]
    beam_sizes, alphas, limits = zip(*own_options, strict=True)
    return [
        *(
            {"signature": "serving_default", "inputs": {"text": batch}}
            for batch in batches
        ),
        {"signature": "nbest", "inputs": {"text": lines}},
        {
            "signature": "options",
            "inputs": {
                "text": lines,
                "beam_size": beam_sizes,
                "length_penalty": alphas,
                "max_length": limits,
            },
        },
    ]


def _run_alone(folder: str, calls: list[dict]) -> dict:
    environment = os.environ | {
        "CUDA_VISIBLE_DEVICES": "-1",  # this process holds the GPU's memory
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    # -P keeps this folder, and with it our modules, off the import path
    done = subprocess.run(
        [sys.executable, "-P", parity.__file__, folder],
        input=json.dumps(parity.to_json(calls)),
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if done.returncode:
        raise ParityError(
            "The export cannot be run without Python code, as servers do: "
            + " ".join(done.stderr.split())[-2000:]
        )
    return json.loads(done.stdout)


def float_bytes(model) -> int:
    """Returns how many bytes the unique float weights of a model take."""
    return sum(
        variable.numpy().nbytes
        for variable in model.weights
        if "float" in variable.dtype
    )


def _check_weights(stored_bytes: int, model) -> None:
    expected = float_bytes(model)
    if stored_bytes != expected:
        raise ParityError(
            f"The export stores {stored_bytes} bytes of float variables, but "
            f"the model's unique weights take {expected}."
        )


def _check_batch(
    texts: list[str],
    expected: list[str],
    translated: list[str],
    scores: dict[str, dict[str, float]],
) -> None:
    """Compares translations; scores by line and translation tell ties."""
    if len(translated) != len(texts):
        raise ParityError(
            f"The export answers {len(texts)} lines with {len(translated)}."
        )
    for text, wanted, came in zip(
        texts, expected, _as_text(translated), strict=True
    ):
        if came != wanted and not _is_tie(wanted, came, scores[text]):
            raise _differs(text, came, wanted)


def _scores(lines, nbest: dict) -> dict[str, dict[str, float]]:
    """Returns the scores of a line's best translations, by the line."""
    found = {}
    for line, texts, scores in zip(
        _texts(lines), nbest["translations"], nbest["scores"], strict=True
    ):
        of_line: dict[str, float] = found.setdefault(line, {})
        for text, score in zip(_as_text(texts), scores, strict=True):
            # several token sequences may read alike: the best came first
            of_line.setdefault(text, score)
    return found


def _is_tie(wanted: str, came: str, scores: dict[str, float]) -> bool:
    """Whether two texts are among a line's best, with one score."""
    if wanted not in scores or came not in scores:
        return False
    return abs(scores[wanted] - scores[came]) < TIE


def _differs(text: str, came: str, wanted: str, how: str = "") -> "ParityError":
    return ParityError(
        f"The export translates {text!r} to {came!r}{how}, but the model in "
        f"memory to {wanted!r}."
    )


def _check_nbest(lines, nbest, in_memory, options) -> None:
    found = in_memory.find(_texts(lines), options, options.beam_size)
    for text, wanted, texts, scores, count in zip(
        _texts(lines),
        found,
        nbest["translations"],
        nbest["scores"],
        nbest["counts"],
        strict=True,
    ):
        if count != len(wanted):
            raise ParityError(
                f"`nbest` gives {count} translations of {text!r}, but the "
                f"model in memory {len(wanted)}."
            )
        for rank, one in enumerate(wanted):
            came, score = _as_text(texts)[rank], scores[rank]
            _check_score(text, score, one, options)
            if not _is_as_good(came, one, wanted):
                raise _differs(text, came, one.text, f" ({rank + 1}. best)")


def _is_as_good(came: str, wanted: Found, found: list[Found]) -> bool:
    """Whether a text is the wanted one, or found with the same score."""
    return any(
        one.text == came and abs(one.score - wanted.score) < TIE
        for one in found
    )


def _check_score(text, score, wanted, options) -> None:
    if not _is_near(score, wanted.score):
        raise ParityError(
            f"The export gives a translation of {text!r} the score {score}, "
            f"but the model in memory {wanted.score}."
        )
    if options.coverage_penalty:  # teacher forcing has no coverage
        return
    if not _is_near(wanted.score, wanted.rescored):
        raise ParityError(
            f"The search scores a translation of {text!r} {wanted.score}, but "
            f"teacher forcing {wanted.rescored}."
        )


def _is_near(score: float, wanted: float) -> bool:
    """Whether scores differ by rounding alone; false of what is no number."""
    return math.isfinite(wanted) and math.isclose(
        score, wanted, rel_tol=_RELATIVE_TOLERANCE, abs_tol=_SCORE_TOLERANCE
    )


def _check_options(lines, chosen, own_options, in_memory, options) -> None:
    texts = _texts(lines)
    for number, (beam_size, alpha, limit) in enumerate(_ROW_OPTIONS):
        own = dataclasses.replace(options, beam_size=beam_size, alpha=alpha)
        rows = range(number, len(lines), len(_ROW_OPTIONS))
        found = in_memory.find(
            [texts[row] for row in rows], own, beam_size, limit
        )
        for row, best in zip(rows, found, strict=True):
            wanted = best[0]
            came = _as_text(chosen["translation"])[row]
            score = chosen["score"][row]
            _check_score(texts[row], score, wanted, own)
            if not _is_as_good(came, wanted, best):
                how = f" with options {own_options[row]}"
                raise _differs(texts[row], came, wanted.text, how)
            told = bool(chosen["truncated"][row])
            if came == wanted.text and told != wanted.truncated:
                raise ParityError(
                    f"The export says truncated={told} of {texts[row]!r}, the "
                    f"model {wanted.truncated}."
                )


def _texts(lines: list[bytes]) -> list[str]:
    return [line.decode("utf-8", "replace") for line in lines]


def _as_text(answers: list[str]) -> list[str]:
    """Of texts with a character for each byte."""
    return _texts([answer.encode("latin-1") for answer in answers])
