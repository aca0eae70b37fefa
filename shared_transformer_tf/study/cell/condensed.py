"""What a result keeps of the many records of a training."""

import itertools
import re
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

Records = Sequence[Mapping[str, Any]]

POINTS = 40
# Layer norms have few weights and are left out.
_LEFT_OUT = re.compile("norm")
_DIGITS = 6


class TrainingClock:
    """Seconds of updates alone: no evaluation, measurement or stop.

    Args:
        records: of kind `train`: their speed leaves all that out.
        evaluations: records of kind `valid`. Of a training too short for a
            record of the other kind the last one tells, with all of that.
    """

    def __init__(self, records: Records, evaluations: Records = ()):
        if not records:
            records = [
                one | {"tokens_per_second": one["tokens"] / one["seconds"]}
                for one in evaluations[-1:]
            ]
        self._marks = [(0.0, 0.0)]  # tokens, seconds
        for record in records:
            tokens, seconds = self._marks[-1]
            more = record["tokens"] - tokens
            self._marks.append(
                (
                    record["tokens"],
                    seconds + more / record["tokens_per_second"],
                )
            )

    @property
    def seconds_per_token(self) -> float:
        """Of all updates but those of the first record, which traces."""
        (tokens, start), (last, end) = self._marks[1], self._marks[-1]
        if last == tokens:
            tokens, start = self._marks[0]
        return (end - start) / (last - tokens)

    def seconds(self, tokens: float) -> float:
        """Returns how long so many target tokens took to train.

        Beyond the last record at the mean speed.
        """
        for (before, start), (after, end) in itertools.pairwise(self._marks):
            if tokens <= after:
                part = (tokens - before) / (after - before)
                return start + part * (end - start)
        last, seconds = self._marks[-1]
        return seconds * tokens / last if last else 0.0


def training_curve(records: Records) -> list[dict[str, float]]:
    """Returns at most `POINTS` points of equally many records `train`."""
    clock = TrainingClock(records)
    size = -(-len(records) // POINTS) or 1
    curve = []
    for start in range(0, len(records), size):
        part = records[start : start + size]
        last = part[-1]
        curve.append(
            {
                "update": last["step"],
                "tokens": int(last["tokens"]),
                "seconds": _short(clock.seconds(last["tokens"])),
                "loss": _short(fmean(one["loss"] for one in part)),
                "gradient_norm": _short(
                    fmean(one["gradient_norm"] for one in part)
                ),
            }
        )
    return curve


def dev_curve(
    records: Records, trained: Records, flops_per_token: float
) -> list[dict[str, float]]:
    """Returns the evaluations of a training.

    Args:
        records: of kind `valid`.
        trained: records of kind `train`.
        flops_per_token: of training.
    """
    clock = TrainingClock(trained, records)
    return [
        {
            "update": record["step"],
            "tokens": int(record["tokens"]),
            "seconds": _short(clock.seconds(record["tokens"])),
            "flops": _short(record["tokens"] * flops_per_token),
            "bleu": _short(record["bleu"]),
            "chrf": _short(record["chrf"]),
            "loss": _short(record["loss"]),
        }
        for record in records
    ]


def gradients(records: Records) -> list[dict[str, Any]]:
    """Returns the gradients of each use, of every measured update.

    Args:
        records: of kind `uses`.
    """
    return [
        {
            "update": record["step"],
            "tokens": int(record["tokens"]),
            "weights": {
                name: _of_uses(found)
                for name, found in record["sublayers"].items()
                if not _LEFT_OUT.search(name)
            },
        }
        for record in records
    ]


def _of_uses(found: Mapping[str, Any]) -> dict[str, Any]:
    norms, cosines = found["norms"], found.get("cosines", [])
    told = {
        "uses": len(norms),
        "norm": _short(found["gradient_norm"]),
        "norm_mean": _short(fmean(norms)),
        "norm_min": _short(min(norms)),
        "norm_max": _short(max(norms)),
        "update_ratio": _short(found["update_ratio"]),
    }
    if cosines:
        told |= {
            "cosine_mean": _short(fmean(cosines)),
            "cosine_min": _short(min(cosines)),
            "cosine_max": _short(max(cosines)),
        }
    return told


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
