"""The dev scores of a run over its training, as `metrics.jsonl` has them."""

import json
import os
import statistics
from collections.abc import Sequence
from typing import Any

Curve = list[dict[str, Any]]
# Evaluations come at the first update past their mark.
_TOLERANCE = 0.02


def read(metrics_file: str, kind: str = "valid") -> Curve:
    """Returns the records of a kind in order.

    A line that is being written is passed over.

    Args:
        metrics_file: of a run, which may not be there yet.
        kind: `valid` or `train`.
    """
    if not os.path.exists(metrics_file):
        return []
    with open(metrics_file, encoding="utf-8") as stream:
        lines = [line for line in stream if line.endswith("\n")]
    records = [json.loads(line) for line in lines]
    return [record for record in records if record.get("kind") == kind]


def value_at(curve: Curve, name: str, tokens: float) -> float | None:
    """Returns a score after some tokens, on the line between evaluations.

    `None` if the curve does not reach as far.
    """
    before = None
    for record in curve:
        if record["tokens"] >= tokens * (1 - _TOLERANCE):
            if before is None or record["tokens"] <= tokens:
                return record[name]
            span = record["tokens"] - before["tokens"]
            part = (tokens - before["tokens"]) / span
            return before[name] + part * (record[name] - before[name])
        before = record
    return None


def is_below_median(
    curve: Curve, others: Sequence[Curve], name: str, sign: int, least: int
) -> bool:
    """Returns whether a run does worse than half of the others did.

    They are compared after as many tokens as the run has seen, so with those
    that were not ended before.

    Args:
        curve: of the run.
        others: the other curves.
        name: of the score.
        sign: 1 where a high score is good, else -1.
        least: of the others must have come so far, or nothing is said.
    """
    if not curve:
        return False
    tokens = curve[-1]["tokens"]
    reached = [
        value
        for other in others
        if (value := value_at(other, name, tokens)) is not None
    ]
    if len(reached) < least:
        return False
    return sign * curve[-1][name] < sign * statistics.median(reached)
