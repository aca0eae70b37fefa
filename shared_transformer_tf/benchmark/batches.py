"""Sentences in batches, taken round and round by a contender's steps.

Peers load this file alone; it imports nothing of the package.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any


class Batches:
    """Hands one batch after the other to a translating function.

    Args:
        translate: takes a batch, returns its translations.
        sentences: in the order in which they are translated.
        size: sentences of a batch.
    """

    def __init__(
        self,
        translate: Callable[[Sequence[Any]], Sequence[str]],
        sentences: Sequence[Any],
        size: int,
    ):
        self._translate = translate
        self._batches = [
            sentences[start : start + size]
            for start in range(0, len(sentences), size)
        ]
        self._next = itertools.cycle(self._batches)

    def answers(self) -> list[str]:
        """Returns the translations of all sentences."""
        return [
            text for batch in self._batches for text in self._translate(batch)
        ]

    def step(self) -> None:
        """Translates the next batch."""
        self._translate(next(self._next))
