"""Sentences on their way into a model: clean, not too long, in batches."""

import re
from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
from absl import logging

from shared_transformer_tf import config

Token = TypeVar("Token")


def clean_text(line: str) -> str:
    """Returns a line that can be encoded as UTF-8; "" if it is blank.

    Lone surrogates, which Python makes of invalid bytes, become U+FFFD.
    """
    if not line.strip():
        return ""
    return re.sub("[\ud800-\udfff]", "\ufffd", line)


def cut(
    sentences: Sequence[Sequence[Token]], longest: int
) -> list[Sequence[Token]]:
    """Cuts sentences, with a warning that counts them.

    Args:
        sentences: tokens of each.
        longest: tokens that may stay.
    """
    too_long = sum(len(tokens) > longest for tokens in sentences)
    if too_long:
        logging.warning(
            "%d of %d lines were cut to %d tokens.",
            too_long,
            len(sentences),
            longest,
        )
    return [tokens[:longest] for tokens in sentences]


def batches(lengths: Sequence[int], rows: int) -> Iterator[list[int]]:
    """Yields sentence numbers, the longest sentences first."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    for start in range(0, len(order), rows):
        yield order[start : start + rows]


def padded(sentences: Sequence[Sequence[int]]) -> np.ndarray:
    """Returns (batch, longest + 1) int32: tokens, end symbol, 0."""
    longest = max(map(len, sentences), default=0)
    ids = np.full([len(sentences), longest + 1], config.PAD_ID, np.int32)
    for row, tokens in zip(ids, sentences, strict=True):
        row[: len(tokens)] = tokens
        row[len(tokens)] = config.END_ID
    return ids
