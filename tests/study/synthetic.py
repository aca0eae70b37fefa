"""Made-up sentence statistics with known truth; nothing here was trained."""

import numpy as np


def difficulties(num_sentences, seed):
    """How hard each sentence is, in all tasks."""
    # A stream of its own: never that of a system with the same seed.
    rng = np.random.default_rng([*np.atleast_1d(seed), 2**31])
    return rng.normal(size=num_sentences)


def statistics(difficulty, quality, seed, noise=0.3):
    """Rows (sentences, 10) of a system.

    Args:
        difficulty: (sentences,) from `difficulties`, shared by systems.
        quality: log-odds that a word of an average sentence is right.
        seed: of what is this system's alone.
        noise: of a sentence, this system's alone.
    """
    rng = np.random.default_rng(seed)
    num_sentences = len(difficulty)
    lengths = 6 + np.round(3 * np.abs(difficulty)).astype(int)
    odds = quality - 0.6 * difficulty
    odds = odds + rng.normal(scale=noise, size=num_sentences)
    right = 1 / (1 + np.exp(-odds))
    correct = [rng.binomial(lengths, right)]
    totals = [lengths]
    for order in range(2, 5):
        totals.append(lengths - order + 1)
        matched = rng.binomial(correct[-1], right)
        correct.append(np.minimum(matched, totals[-1]))
    columns = [*correct, *totals, lengths, lengths]
    return np.stack(columns, axis=1).astype(np.int64)
