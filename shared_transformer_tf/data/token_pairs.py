"""From parallel text to token ids, and which pairs are left out."""

import dataclasses

import numpy as np
from absl import logging

from shared_transformer_tf import config as config_lib
from shared_transformer_tf import errors
from shared_transformer_tf.data import corpus, tokenizer

_RATIO_OFFSET = 5


@dataclasses.dataclass(frozen=True)
class TokenPairs:
    """Sentence pairs as token ids, without start and end symbols.

    Attributes:
        source: int32 arrays of ids.
        target: as many of the other language.
        line_numbers: the line of each pair in its files, from 1.
    """

    source: list[np.ndarray]
    target: list[np.ndarray]
    line_numbers: np.ndarray

    def __len__(self) -> int:
        """Returns the number of pairs."""
        return len(self.source)


def encode_pairs(
    text: corpus.ParallelText,
    tokens: tokenizer.Tokenizer,
    config: config_lib.DataConfig,
) -> TokenPairs:
    """Encodes text and drops pairs that nothing is learnt from.

    Dropped, and counted in the log, are pairs with a blank side, with a side
    that is only `@@` (a missing translation), of more than
    `config.max_length` tokens with the end symbol, and of lengths in a
    ratio above `config.max_length_ratio`.

    Raises:
        InputError: if no pair is left.
    """
    source = tokens.encode_source(text.source)
    target = tokens.encode_target(text.target)
    dropped = dict.fromkeys(("blank", "only @@", "too long", "odd ratio"), 0)
    kept = []
    for index, lines in enumerate(zip(text.source, text.target, strict=True)):
        lengths = (len(source[index]), len(target[index]))
        reason = _reason_to_drop(lines, lengths, config)
        if reason:
            dropped[reason] += 1
        else:
            kept.append(index)
    counts = ", ".join(f"{count} {why}" for why, count in dropped.items())
    logging.info(
        "Kept %d of %d pairs; dropped: %s.", len(kept), len(text), counts
    )
    if not kept:
        raise errors.InputError(
            f"None of {len(text)} sentence pairs can be used (dropped: "
            f"{counts}): look at the text, data.max_length and "
            "data.max_length_ratio."
        )
    return TokenPairs(
        [np.array(source[index], np.int32) for index in kept],
        [np.array(target[index], np.int32) for index in kept],
        np.array(kept) + 1,
    )


def _reason_to_drop(
    lines: tuple[str, str],
    lengths: tuple[int, int],
    config: config_lib.DataConfig,
) -> str:
    shorter, longer = sorted(lengths)
    if shorter == 0 or not all(line.strip() for line in lines):
        return "blank"
    if any(line.strip() == "@@" for line in lines):
        return "only @@"
    if longer + 1 > config.max_length:
        return "too long"
    limit = config.max_length_ratio * (shorter + _RATIO_OFFSET)
    return "odd ratio" if longer + _RATIO_OFFSET > limit else ""
