"""The gate before every export: what is written equals what is in memory."""

import dataclasses
import json
import os
import random
import subprocess
import sys
from collections.abc import Sequence

import sentencepiece
import tensorflow as tf

from shared_transformer_tf import config
from shared_transformer_tf.decoding import translator
from shared_transformer_tf.export import parity

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
_MADE_LINES = 24


class ParityError(RuntimeError):
    """An export does not do what the model in memory does."""


def check(
    folder: str,
    model,
    tokenizer,
    options: config.DecodingConfig,
    max_length: int,
    samples: Sequence[str] = (),
) -> None:
    """Compares a written SavedModel with the model it was made from.

    Lines that are blank, not UTF-8, too long, or made of random pieces of
    the vocabulary are translated by both, on the CPU: by the export in one
    batch, alone, and in a batch of none.

    Args:
        folder: the SavedModel.
        model: what it was made from.
        tokenizer: the model's.
        options: as exported.
        max_length: as exported.
        samples: further lines.

    Raises:
        ParityError: if a translation differs, or weights are not stored
            exactly once.
    """
    lines = [
        *_FIXED_LINES,
        *(line.encode() for line in _made_lines(tokenizer, max_length)),
        *(translator.clean_text(line).encode() for line in samples),
    ]
    batches = [lines, lines[:1], lines[-1:], []]
    answer = _run_alone(folder, batches)
    _check_weights(answer["float_bytes"], model)
    together = dataclasses.replace(options, batch_sentences=len(lines))
    in_memory = translator.Translator(model, tokenizer, together, max_length)
    with tf.device("CPU:0"):
        for batch, translated in zip(batches, answer["batches"], strict=True):
            texts = [line.decode("utf-8", "replace") for line in batch]
            expected = in_memory(texts)
            _check_batch(texts, expected, translated)


def _made_lines(tokenizer, max_length: int) -> list[str]:
    """Returns lines of random source pieces, of many lengths."""
    pieces = sentencepiece.SentencePieceProcessor(
        model_proto=tokenizer.source_model
    )
    generator = random.Random(1)
    ordinary = range(config.END_ID + 1, pieces.get_piece_size())
    longest = min(max_length, 40)
    return [
        pieces.decode(generator.choices(ordinary, k=1 + i * longest // 24))
        for i in range(_MADE_LINES)
    ]


def _run_alone(folder: str, batches: list[list[bytes]]) -> dict:
    environment = os.environ | {
        "CUDA_VISIBLE_DEVICES": "-1",  # this process holds the GPU's memory
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    # -P keeps this folder, and with it our modules, off the import path
    done = subprocess.run(
        [sys.executable, "-P", parity.__file__, folder],
        input=json.dumps([[list(line) for line in x] for x in batches]),
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
    texts: list[str], expected: list[str], translated: list[list[int]]
) -> None:
    if len(translated) != len(texts):
        raise ParityError(
            f"The export answers {len(texts)} lines with {len(translated)}."
        )
    for text, wanted, came in zip(texts, expected, translated, strict=True):
        came = bytes(came).decode("utf-8", "replace")
        if came != wanted:
            raise ParityError(
                f"The export translates {text!r} to {came!r}, but the model "
                f"in memory to {wanted!r}."
            )
