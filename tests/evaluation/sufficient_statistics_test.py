"""Rows that sum to sacreBLEU's corpus score."""

import numpy as np
import pytest
import sacrebleu

from shared_transformer_tf import errors
from shared_transformer_tf.evaluation import sufficient_statistics


def make_pairs(num_sentences, fraction, seed=1):
    rng = np.random.default_rng(seed)
    references, hypotheses = [], []
    for _ in range(num_sentences):
        words = rng.choice(list("abcdefghijkl"), rng.integers(1, 12))
        kept = [
            "x" if rng.random() < fraction else word
            for word in words[: rng.integers(0, 14)]
        ]
        references.append(" ".join(words) + ".")
        hypotheses.append(" ".join(kept))
    return hypotheses, references


@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.7, 0.95, 1.0])
@pytest.mark.parametrize("num_sentences", [1, 7, 200])
def test_summed_rows_give_sacrebleus_corpus_score(num_sentences, fraction):
    hypotheses, references = make_pairs(num_sentences, fraction)
    rows = sufficient_statistics.bleu_statistics(hypotheses, references)
    assert rows.shape == (num_sentences, len(sufficient_statistics.COLUMNS))
    expected = sacrebleu.BLEU().corpus_score(hypotheses, [references]).score
    found = sufficient_statistics.corpus_bleu(rows.sum(0))
    assert found == pytest.approx(expected, abs=1e-9)


def test_many_corpora_at_once_are_each_as_alone():
    rng = np.random.default_rng(2)
    total = rng.integers(0, 9, (300, 4))
    correct = rng.integers(0, total + 1)
    lengths = rng.integers(0, 20, (300, 2))
    sums = np.concatenate([correct, total, lengths], axis=1)
    found = sufficient_statistics.corpus_bleu(sums)
    for row, score in zip(sums.tolist(), found, strict=True):
        expected = sacrebleu.BLEU.compute_bleu(
            row[:4], row[4:8], row[8], row[9], smooth_method="exp"
        ).score
        # sacreBLEU goes on with the brevity penalty 0 of no tokens at all,
        # which never have a match outside of made-up counts like these.
        if row[8]:
            assert score == pytest.approx(expected, abs=1e-9)


def test_rows_survive_json_and_bad_rows_are_refused():
    rows = sufficient_statistics.bleu_statistics(*make_pairs(5, 0.2))
    read = sufficient_statistics.check_statistics(rows.tolist())
    np.testing.assert_array_equal(read, rows)
    bad = [
        [],
        None,
        [[1] * 9],
        [[1] * 10, [1] * 9],
        [[0.5] * 10],
        [[-1] * 10],
        [[2, 0, 0, 0, 1, 0, 0, 0, 1, 1]],
        "text",
    ]
    for one in bad:
        with pytest.raises(errors.InputError, match="Sentence statistics"):
            sufficient_statistics.check_statistics(one)


def test_unequal_counts_of_sentences_are_refused():
    with pytest.raises(errors.InputError, match="2 translations and 3 ref"):
        sufficient_statistics.bleu_statistics(["a"] * 2, ["a"] * 3)
