"""How much of the scores of a search each field accounts for by itself."""

from collections.abc import Sequence

import numpy as np

from shared_transformer_tf.study.search.folder import COMPLETED, FAILED, Outcome
from shared_transformer_tf.study.search.space import SearchField

_LEAST_TRIALS = 8


def rank(outcomes: Sequence[Outcome], sign: int) -> list[Outcome]:
    """Returns trials from best to worst.

    Those that reached the budget come before those that were stopped, of
    which the longer ones come first; those that failed are last. Dev loss
    breaks ties.

    Args:
        outcomes: of a search.
        sign: 1 where a high score is good, else -1.
    """

    def key(outcome: Outcome) -> tuple:
        if outcome.status == FAILED or outcome.score is None:
            return (2, 0, 0.0, 0.0)
        done = outcome.status == COMPLETED
        tokens = 0 if done else -outcome.tokens
        loss = outcome.scores.get("loss", 0.0)
        return (0 if done else 1, tokens, -sign * outcome.score, loss)

    return sorted(outcomes, key=key)


def importance(
    fields: Sequence[SearchField], outcomes: Sequence[Outcome], sign: int
) -> dict[str, dict[str, float]]:
    """Returns for each field what part of the trials' ranks it explains.

    The ranks are fitted by the field alone: by the mean of each value where
    the values are words, else by a parabola over the value's place in its
    range or list, so that an optimum in the middle counts. `explained` is
    the adjusted share of the variance, 0 where chance alone would explain as
    much; `direction` is the rank correlation with the score, above 0 where
    higher values are better, absent for words. Fields that act together are
    not seen by this.

    Args:
        fields: that were searched.
        outcomes: of the trials; with fewer than 8 the result is empty.
        sign: 1 where a high score is good, else -1.
    """
    ordered = rank(outcomes, sign)
    if len(ordered) < _LEAST_TRIALS:
        return {}
    goodness = -np.arange(len(ordered), dtype=float)
    found = {}
    for field in fields:
        values = [outcome.settings[field.name] for outcome in ordered]
        words = isinstance(field.default, str)
        if words:
            columns = np.array(
                [[value == c for c in field.choices[1:]] for value in values],
                float,
            )
        else:
            places = np.array([_place(field, value) for value in values])
            columns = np.stack([places, places**2], axis=1)
        found[field.name] = {"explained": _explained(columns, goodness)}
        if not words:
            found[field.name]["direction"] = _correlation(places, goodness)
    return dict(sorted(found.items(), key=lambda item: -item[1]["explained"]))


def _place(field: SearchField, value: float) -> float:
    """Where a value lies in the list or on the logarithmic range, 0 to 1."""
    if field.choices:
        return field.choices.index(value) / max(len(field.choices) - 1, 1)
    return float(np.log(value / field.low) / np.log(field.high / field.low))


def _explained(columns: np.ndarray, goodness: np.ndarray) -> float:
    design = np.column_stack([np.ones(len(goodness)), columns])
    terms = np.linalg.matrix_rank(design)
    left = len(goodness) - terms
    if terms < 2 or left < 1:
        return 0.0
    weights, *_ = np.linalg.lstsq(design, goodness, rcond=None)
    rest = np.var(goodness - design @ weights) / left
    total = np.var(goodness) / (len(goodness) - 1)
    return round(max(0.0, float(1 - rest / total)), 3)


def _correlation(places: np.ndarray, goodness: np.ndarray) -> float:
    if np.ptp(places) == 0:
        return 0.0
    from scipy import stats

    return round(float(stats.spearmanr(places, goodness).statistic), 3)
