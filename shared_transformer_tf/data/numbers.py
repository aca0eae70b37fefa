"""The embedded corpus: numbers in words, in two languages.

Cardinals, ordinals and years are spelled out by num2words, for instance
"nineteen eighty-four" -> "neunzehnhundertvierundachtzig". Every source text
has one reference and stands in one split only, so nothing of the dev and test
set is seen in training. An ordinal or year that
is spelled like its cardinal in the source language is left out.

The splits take turns over the number of digits, and within it over the
kinds, until each has its size. The test set takes first, then the dev set,
at most a tenth of each (digits, kind) either: of the 20 cardinals and
ordinals of one digit 2, of the 180 of two digits 18, and the same share of
all longer ones. Training takes from the rest, the few small numbers again and
again, up to ten times.
"""

import itertools
from collections.abc import Iterable, Iterator

import numpy as np
from absl import logging
from num2words import CONVERTER_CLASSES, num2words

from shared_transformer_tf import config as config_lib
from shared_transformer_tf import errors

KINDS = ("cardinal", "ordinal", "year")
LARGEST = 10**12 - 1
_FIRST_YEAR, _LAST_YEAR = 1100, 2099
_HELD_OUT = 10
_MISSES = 300
_ROUNDS = 10
# What num2words raises for a number or kind that a language does not have.
_NO_WORDS = (
    NotImplementedError,
    AttributeError,
    LookupError,
    OverflowError,
    TypeError,
    ValueError,
)


def make_split(
    config: config_lib.DataConfig, split: str, seed: int
) -> tuple[list[str], list[str]]:
    """Returns one split of the corpus.

    Args:
        config: languages, sizes and `numbers_maximum`.
        split: `train`, `valid` or `test`.
        seed: decides which numbers stand in which split.

    Returns:
        The lines in the source and in the target language.

    Raises:
        InputError: if num2words lacks a language or no number is left.
    """
    languages = (config.source_language, config.target_language)
    _check(config, languages)
    streams = _streams(config.numbers_maximum, languages, seed)
    sizes = {
        "test": config.numbers_test,
        "valid": config.numbers_valid,
        "train": config.numbers_train,
    }
    seen: set[str] = set()
    pairs: list[tuple[str, str]] = []
    for name, size in sizes.items():
        shares = [
            _round_robin(
                _new(stream, seen, None if name == "train" else count)
                for count, stream in kinds
            )
            for kinds in streams
        ]
        if name == "train":
            shares = [_repeated(share) for share in shares]
        pairs = list(itertools.islice(_round_robin(shares), size))
        if name == split:
            break
    if len(pairs) < sizes[split]:
        logging.info(
            "%s: %d numbers instead of %d, there are no more up to %d.",
            split,
            len(pairs),
            sizes[split],
            config.numbers_maximum,
        )
    if not pairs:
        raise errors.InputError(
            f"data.numbers_maximum is {config.numbers_maximum}, too few "
            "numbers to keep some for the dev and test set: raise it to 99 or "
            "more."
        )
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _check(config: config_lib.DataConfig, languages: tuple[str, str]) -> None:
    for field, language in zip(
        ("source_language", "target_language"), languages, strict=True
    ):
        if language not in CONVERTER_CLASSES:
            raise errors.InputError(
                f"data.{field} is {language!r}, which num2words cannot spell. "
                f"Choose one of {', '.join(sorted(CONVERTER_CLASSES))}, or "
                "train on your own text with --config.data.corpus=text."
            )
    if config.numbers_maximum > LARGEST:
        raise errors.InputError(
            f"data.numbers_maximum is {config.numbers_maximum}, expected at "
            f"most {LARGEST}."
        )


def _streams(
    maximum: int, languages: tuple[str, str], seed: int
) -> list[list[tuple[int, Iterator[tuple[str, str]]]]]:
    """Returns for every number of digits, per kind, what splits draw from.

    Returns:
        Pairs of the most that may be held out and an endless-looking stream
        of (source, target) texts in an order drawn by the seed.
    """
    known = [kind for kind in KINDS if _is_known(kind, languages, maximum)]
    if known != list(KINDS):
        logging.info(
            "Numbers %s-%s have only: %s.", *languages, ", ".join(known)
        )
    groups = []
    for digits in range(1, len(str(maximum)) + 1):
        group = []
        for kind in known:
            low, high = _bounds(kind, digits, maximum)
            if low <= high:
                rng = np.random.default_rng([seed, digits, KINDS.index(kind)])
                values = _shuffled(low, high, rng)
                texts = _spelled(values, kind, languages)
                group.append(((high - low + 1) // _HELD_OUT, texts))
        groups.append(group)
    return groups


def _is_known(kind: str, languages: tuple[str, str], maximum: int) -> bool:
    samples = (1984, 1789) if kind == "year" else (2, 12, 21)
    fitting = [value for value in samples if value <= maximum]
    return next(_spelled(fitting, kind, languages), None) is not None


def _bounds(kind: str, digits: int, maximum: int) -> tuple[int, int]:
    low = 10 ** (digits - 1) if digits > 1 else 0
    high = min(maximum, 10**digits - 1)
    if kind == "year":
        return max(low, _FIRST_YEAR), min(high, _LAST_YEAR)
    return low, high


def _shuffled(low: int, high: int, rng: np.random.Generator) -> Iterator[int]:
    size = high - low + 1
    if size <= 1_000_000:
        yield from (low + rng.permutation(size)).tolist()
        return
    drawn: set[int] = set()
    while len(drawn) < size:
        value = int(rng.integers(low, high + 1))
        if value not in drawn:
            drawn.add(value)
            yield value


def _spelled(
    values: Iterable[int], kind: str, languages: tuple[str, str]
) -> Iterator[tuple[str, str]]:
    """Yields the texts of the values that both languages can spell.

    Some languages' ordinals end at 99, so many misses in a row end it too.
    """
    misses = 0
    for value in values:
        source, target = (_words(value, kind, name) for name in languages)
        is_cardinal = kind != "cardinal" and source == _words(
            value, "cardinal", languages[0]
        )
        if source and target and not is_cardinal:
            misses = 0
            yield source, target
            continue
        misses += 1
        if misses == _MISSES:
            return


def _words(value: int, kind: str, language: str) -> str:
    try:
        words = num2words(value, to=kind, lang=language)
    except _NO_WORDS:
        return ""
    return " ".join(words.split())


def _new(
    stream: Iterator[tuple[str, str]], seen: set[str], count: int | None
) -> Iterator[tuple[str, str]]:
    """Yields at most `count` pairs whose source has not been seen."""

    def unseen() -> Iterator[tuple[str, str]]:
        for pair in stream:
            if pair[0] not in seen:
                seen.add(pair[0])
                yield pair

    return itertools.islice(unseen(), count)


def _repeated(pairs: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yields all pairs, then the same again, `_ROUNDS` times in all.

    There are few numbers of one or two digits: seen once each, they would
    drown among the long ones.
    """
    drawn = []
    for pair in pairs:
        drawn.append(pair)
        yield pair
    for _ in range(_ROUNDS - 1):
        yield from drawn


def _round_robin(iterators: Iterable[Iterator]) -> Iterator:
    """Yields one item of each in turn, until all are at their end."""
    active = list(iterators)
    while active:
        remaining = []
        for iterator in active:
            for item in itertools.islice(iterator, 1):
                remaining.append(iterator)
                yield item
        active = remaining
