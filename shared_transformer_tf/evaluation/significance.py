"""Paired bootstrap: is one system better than another on the same sentences?

Sentences are drawn with replacement, the same ones for both systems, and the
difference of the two BLEU scores is looked at over many such draws (Koehn,
"Statistical Significance Tests for Machine Translation Evaluation", 2004).
On the same draws every score is sacreBLEU's. Its own paired test gives an
interval per system; the difference of two arrays from here has the interval
of the difference, which is narrower and is what is asked.

Everything works on arrays (1 + draws,): first the score on all sentences,
then the one on each draw. What is computed of such arrays elementwise, a mean
over tasks or a ratio of differences, is again such an array.
"""

import numpy as np

from shared_transformer_tf.evaluation import sufficient_statistics

LEVEL = 0.95


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
