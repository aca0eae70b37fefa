"""Gradients of each use over a training, gathered by stack and kind."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from shared_transformer_tf.study.report.result_set import Result

STACKS = ("encoder", "decoder")
KINDS = ("self_attention", "cross_attention", "feed_forward")
# Layer norms and embeddings are left out: few weights, or used otherwise.
_NAME = re.compile(
    rf"^({'|'.join(STACKS)})/\S*?({'|'.join(KINDS)})(?: of \d+ uses)?$"
)


class Series(NamedTuple):
    """Sublayers of one kind in one stack over a training.

    Attributes:
        tokens: target tokens trained on, of each moment.
        norm: mean over blocks of the mean norm of a use's gradient.
        lowest: of a use, mean over blocks.
        highest: likewise.
        cosine: mean over blocks of the mean cosine between uses; nan where a
            sublayer is used once.
        total: mean over blocks of the norm of the aggregated gradient.
        uses: of each sublayer, the most there are.
    """

    tokens: np.ndarray
    norm: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray
    cosine: np.ndarray
    total: np.ndarray
    uses: int


def series(cell: Result) -> dict[tuple[str, str], Series]:
    """Returns the series of a cell, by stack and kind; maybe none."""
    found: dict[tuple[str, str], list[list[float]]] = {}
    for moment in cell["gradients"]:
        groups: dict[tuple[str, str], list[Mapping]] = {}
        for name, statistics in moment["weights"].items():
            matched = _NAME.match(name)
            if matched:
                groups.setdefault(matched.groups(), []).append(statistics)
        for key, statistics in groups.items():
            row = [moment["tokens"], *_means(statistics)]
            found.setdefault(key, []).append(row)
    by_key = {}
    for key in ((stack, kind) for stack in STACKS for kind in KINDS):
        if key in found:
            *columns, uses = np.array(found[key]).T
            by_key[key] = Series(*columns, int(uses.max()))
    return by_key


def of_shared(cell: Result) -> list[Series]:
    """Returns the series of sublayers that are used several times."""
    return [one for one in series(cell).values() if one.uses > 1]


def cosine(cell: Result) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns tokens and the mean cosine over all kinds and stacks.

    Returns:
        `None` where no sublayer is used twice.
    """
    shared = of_shared(cell)
    if not shared:
        return None
    return shared[0].tokens, np.mean([s.cosine for s in shared], axis=0)


def cosines(cells: Sequence[Result]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns what `cosine` does, of the cells that have it: one per seed."""
    return [found for cell in cells if (found := cosine(cell)) is not None]


def _means(statistics: list[Mapping]) -> list[float]:
    means = [
        float(np.mean([one[field] for one in statistics]))
        for field in ("norm_mean", "norm_min", "norm_max")
    ]
    cosines = [
        one["cosine_mean"]
        for one in statistics
        if one.get("cosine_mean") is not None
    ]
    cosine = float(np.mean(cosines)) if cosines else np.nan
    total = float(np.mean([one["norm"] for one in statistics]))
    return [*means, cosine, total, max(one["uses"] for one in statistics)]
