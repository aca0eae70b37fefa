"""Paired bootstrap: is one system better than another on the same sentences?

Sentences are drawn with replacement, the same ones for both systems, and the
difference of the two BLEU scores is looked at over many such draws (Koehn,
"Statistical Significance Tests for Machine Translation Evaluation", 2004).
On the same draws every score is sacreBLEU's. Its own paired test gives an
interval per system; this one gives the interval of the difference, which is
narrower and is what is asked. Its p-values are lower: it centres differences
without their sign, here they keep it.

Everything works on arrays (1 + draws,): first the score on all sentences,
then the one on each draw. What is computed of such arrays elementwise, a mean
over tasks or a ratio of differences, is again such an array.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from shared_transformer_tf.evaluation import sufficient_statistics

LEVEL = 0.95


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
        sufficient_statistics.bleu_statistics(hypotheses, references)
        for hypotheses in (baseline, system)
    ]
    counts = draw_counts(len(references), num_samples, seed)
    first, second = (bleu_of_draws(rows, counts) for rows in statistics)
    return compare(second - first)


def draw_counts(num_sentences: int, num_samples: int, seed: int) -> np.ndarray:
    """Returns how often each draw contains each sentence.

    Args:
        num_sentences: in the test set, and in each draw.
        num_samples: draws.
        seed: of the draws; the same arguments give the same draws.

    Returns:
        float64 (1 + draws, sentences); the first row is the test set itself,
        with each sentence once.
    """
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(
        num_sentences, [1 / num_sentences] * num_sentences, size=num_samples
    )
    # As floats: exact for counts of this size, and faster than integers.
    return np.vstack([np.ones(num_sentences), counts])


def bleu_of_draws(statistics: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Returns corpus BLEU on all sentences, then on each draw.

    Args:
        statistics: (sentences, 10) of `bleu_statistics`.
        counts: (1 + draws, sentences) of `draw_counts`.
    """
    # Not `@`: with the cores busy, the threads of BLAS wait for each other
    # far longer than this small product takes.
    sums = np.einsum("ds,sc->dc", counts, statistics.astype(np.float64))
    return sufficient_statistics.corpus_bleu(sums)


def interval(values: np.ndarray) -> tuple[float, float]:
    """Returns the ends of the 95% percentile interval.

    Args:
        values: (1 + draws,); the first is not a draw. Infinite values are
            ordered as they are, never interpolated.
    """
    tail = 50 * (1 - LEVEL)
    # From both ends alike, so that -values have the mirrored interval.
    low, negative_high = (
        float(np.percentile(drawn, tail, method="inverted_cdf"))
        for drawn in (values[1:], -values[1:])
    )
    return low, 0.0 - negative_high


def compare(differences: np.ndarray) -> Comparison:
    """Returns the comparison that differences (1 + draws,) tell of."""
    difference, sampled = float(differences[0]), differences[1:]
    by_chance = np.abs(sampled - sampled.mean()) >= abs(difference)
    p_value = (by_chance.sum() + 1) / (len(sampled) + 1)
    return Comparison(difference, *interval(differences), float(p_value))
