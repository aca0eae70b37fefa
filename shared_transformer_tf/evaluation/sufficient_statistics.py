"""What corpus BLEU sums over sentences: ten integers for each.

BLEU of any choice of sentences follows from the sum of their rows, so a
bootstrap needs the rows and no text, which may then stay where it is.
"""

from collections.abc import Sequence

import numpy as np
import sacrebleu

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.evaluation import metrics

ORDER = 4
COLUMNS = (
    *(f"correct_{n}" for n in range(1, ORDER + 1)),
    *(f"total_{n}" for n in range(1, ORDER + 1)),
    "hypothesis_length",
    "reference_length",
)


def bleu_statistics(
    hypotheses: Sequence[str], references: Sequence[str]
) -> np.ndarray:
    """Returns the statistics of each sentence, as sacreBLEU counts them.

    Args:
        hypotheses: detokenised translations.
        references: one per hypothesis, raw text.

    Returns:
        int64 (sentences, 10), by `COLUMNS`: matched n-grams of order 1 to 4,
        n-grams of order 1 to 4, tokens of the translation and of the
        reference (13a, cased).

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


def corpus_bleu(sums: np.ndarray) -> np.ndarray:
    """Returns sacreBLEU's corpus BLEU of many corpora at once.

    The arithmetic is `sacrebleu.BLEU.compute_bleu` with its default smoothing
    (`exp`: an order without a match counts as half a match, the next such
    order as a quarter), for arrays: a bootstrap asks for thousands.

    Args:
        sums: (..., 10), rows of `bleu_statistics` summed over sentences.

    Returns:
        float64 (...), 0 to 100.

    Example:
    >>> rows = bleu_statistics(["a b c d e"], ["a b c d e"])
    >>> round(float(corpus_bleu(rows.sum(0))), 6)
    100.0
    """
    sums = np.asarray(sums, np.float64)
    correct, total = sums[..., :ORDER], sums[..., ORDER : 2 * ORDER]
    hypothesis_length, reference_length = sums[..., -2], sums[..., -1]
    missed = correct == 0
    smoothed = np.where(missed, 0.5 ** np.cumsum(missed, axis=-1), correct)
    logarithms = np.log(100 * smoothed / np.maximum(total, 1)).mean(-1)
    ratio = reference_length / np.maximum(hypothesis_length, 1)
    brevity = np.minimum(1 - ratio, 0.0)
    # A corpus without 4-grams, or without any match, scores 0.
    scored = (total > 0).all(-1) & ~missed.all(-1)
    return np.where(scored, np.exp(logarithms + brevity), 0.0)


def check_statistics(rows: object) -> np.ndarray:
    """Returns rows that were read from a file as an array.

    Args:
        rows: lists of ten counts.

    Returns:
        int64 (sentences, 10).

    Raises:
        InputError: if they are no such counts.
    """
    try:
        found = np.array(rows)
    except ValueError:
        found = np.empty(0)
    whole = found.ndim == 2 and found.dtype.kind in "iu"
    if not whole or found.shape[1] != len(COLUMNS) or not len(found):
        raise InputError(
            f"Sentence statistics are rows of {len(COLUMNS)} whole numbers "
            f"({', '.join(COLUMNS)}), got {rows!r:.60}."
        )
    correct, total = found[:, :ORDER], found[:, ORDER : 2 * ORDER]
    if (found < 0).any() or (correct > total).any():
        raise InputError(
            "Sentence statistics have negative counts, or more matched "
            "n-grams than n-grams."
        )
    return found.astype(np.int64)
