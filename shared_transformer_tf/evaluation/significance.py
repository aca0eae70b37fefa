"""Paired bootstrap: is one system better than another on the same sentences?

Sentences are drawn with replacement, the same ones for both systems, and the
difference of the two BLEU scores is looked at over many such draws (Koehn,
"Statistical Significance Tests for Machine Translation Evaluation", 2004).
sacreBLEU's own paired test gives an interval per system; this one gives the
interval of the difference, which is narrower and is what is asked.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import sacrebleu

from shared_transformer_tf.evaluation import metrics

_MAX_ORDER = 4


@dataclasses.dataclass(frozen=True)
class Comparison:
    """How much higher a system's BLEU is than a baseline's.

    Attributes:
        difference: BLEU of the system minus BLEU of the baseline, measured
            on all sentences.
        low: lower end of the 95% interval of the difference.
        high: upper end of it.
        p_value: two-sided; how often chance alone gives a difference as large
            where the systems are equally good.
    """

    difference: float
    low: float
    high: float
    p_value: float


def paired_bootstrap(
    baseline: Sequence[str],
    system: Sequence[str],
    references: Sequence[str],
    num_samples: int = 1000,
    seed: int = 1,
) -> Comparison:
    """Compares two systems' translations of the same sentences.

    Args:
        baseline: translations of the system to compare with.
        system: translations of the system in question.
        references: one per sentence.
        num_samples: draws; 1000 resolve p-values of 0.001.
        seed: of the draws.

    Raises:
        InputError: if there are not equally many lines, or none.

    Example:
    >>> same = ["a b c d e"] * 3
    >>> paired_bootstrap(same, same, same).p_value
    1.0
    """
    statistics = [
        bleu_statistics(hypotheses, references)
        for hypotheses in (baseline, system)
    ]
    num_sentences = len(references)
    rng = np.random.default_rng(seed)
    # (samples, sentences): how often a draw contains a sentence
    draws = rng.multinomial(
        num_sentences, [1 / num_sentences] * num_sentences, size=num_samples
    )
    scores = [
        np.array([_bleu(row) for row in draws @ rows]) for rows in statistics
    ]
    sampled = scores[1] - scores[0]
    difference = _bleu(statistics[1].sum(0)) - _bleu(statistics[0].sum(0))
    low, high = np.percentile(sampled, [2.5, 97.5])
    by_chance = np.abs(sampled - sampled.mean()) >= abs(difference)
    p_value = (by_chance.sum() + 1) / (num_samples + 1)
    return Comparison(difference, float(low), float(high), float(p_value))


def bleu_statistics(
    hypotheses: Sequence[str], references: Sequence[str]
) -> np.ndarray:
    """Returns what BLEU sums over sentences.

    Returns:
        Integers (sentences, 10): matched n-grams of order 1 to 4, n-grams of
        order 1 to 4, tokens of the translation and of the reference.

    Raises:
        InputError: if there are not equally many lines, or none.
    """
    metrics.check_lengths(hypotheses, references)
    metric = sacrebleu.BLEU(effective_order=True)
    rows = []
    for hypothesis, reference in zip(hypotheses, references, strict=True):
        score = metric.sentence_score(hypothesis, [reference])
        rows.append(
            [*score.counts, *score.totals, score.sys_len, score.ref_len]
        )
    return np.array(rows, dtype=np.int64)


def _bleu(row: np.ndarray) -> float:
    """Returns corpus BLEU from summed statistics (10,)."""
    values = row.tolist()
    return sacrebleu.BLEU.compute_bleu(
        correct=values[:_MAX_ORDER],
        total=values[_MAX_ORDER : 2 * _MAX_ORDER],
        sys_len=values[-2],
        ref_len=values[-1],
        smooth_method="exp",
    ).score
