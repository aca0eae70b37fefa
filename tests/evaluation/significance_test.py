"""Properties of the paired bootstrap."""

import numpy as np
import pytest
import sacrebleu

from shared_transformer_tf.evaluation import (
    metrics,
    significance,
    sufficient_statistics,
)

WORDS = "a b c d e f g h i j k l m n".split()


def make_text(num_sentences=80):
    rng = np.random.default_rng(1)
    return [" ".join(rng.choice(WORDS, 9)) for _ in range(num_sentences)]


def spoil(lines, fraction, seed):
    rng = np.random.default_rng(seed)
    return [
        " ".join(
            "x" if rng.random() < fraction else word for word in line.split()
        )
        for line in lines
    ]


def differences(baseline, system, references):
    """By how much a system is better, on all sentences and on draws."""
    counts = significance.draw_counts(len(references), 1000, seed=1)
    first, second = (
        significance.bleu_of_draws(
            sufficient_statistics.bleu_statistics(lines, references), counts
        )
        for lines in (baseline, system)
    )
    return second - first


def test_the_difference_is_that_of_the_corpus_scores():
    references = make_text()
    baseline, system = spoil(references, 0.4, 1), spoil(references, 0.1, 2)
    compared = differences(baseline, system, references)
    expected = (
        metrics.evaluate(system, references).bleu
        - metrics.evaluate(baseline, references).bleu
    )
    assert compared[0] == pytest.approx(expected)
    low, high = significance.interval(compared)
    assert 0 < low < compared[0] < high


def test_every_draw_scores_as_sacrebleu_does():
    references = make_text(30)
    hypotheses = spoil(references, 0.3, 7)
    counts = significance.draw_counts(30, num_samples=6, seed=2)
    rows = sufficient_statistics.bleu_statistics(hypotheses, references)
    scores = significance.bleu_of_draws(rows, counts)
    assert len(set(scores)) == 7
    for drawn, score in zip(counts.astype(int), scores, strict=True):
        assert drawn.sum() == 30
        chosen = np.repeat(np.arange(30), drawn)
        expected = sacrebleu.corpus_bleu(
            [hypotheses[n] for n in chosen], [[references[n] for n in chosen]]
        )
        assert score == pytest.approx(expected.score)


def test_systems_of_equal_quality_do_not_differ():
    references = make_text()
    baseline, system = spoil(references, 0.2, 3), spoil(references, 0.2, 4)
    low, high = significance.interval(differences(baseline, system, references))
    assert low < 0 < high


def test_exchanging_the_systems_turns_the_sign():
    references = make_text()
    first, second = spoil(references, 0.3, 5), spoil(references, 0.2, 6)
    one = significance.interval(differences(first, second, references))
    other = significance.interval(differences(second, first, references))
    assert one == pytest.approx((-other[1], -other[0]))


def test_a_draw_has_as_many_sentences_as_the_test_set():
    counts = significance.draw_counts(30, 50, seed=3)
    assert counts.shape == (51, 30)
    assert (counts[0] == 1).all()
    assert (counts.sum(1) == 30).all()
    again = significance.draw_counts(30, 50, seed=3)
    np.testing.assert_array_equal(counts, again)


def test_scores_of_draws_are_those_of_the_drawn_text():
    references = make_text(20)
    system = spoil(references, 0.3, 7)
    rows = sufficient_statistics.bleu_statistics(system, references)
    counts = significance.draw_counts(20, 5, seed=1)
    scores = significance.bleu_of_draws(rows, counts)
    for times, score in zip(counts.astype(int), scores, strict=True):
        drawn = np.repeat(np.arange(20), times)
        expected = metrics.evaluate(
            [system[i] for i in drawn], [references[i] for i in drawn]
        )
        assert score == pytest.approx(expected.bleu, abs=1e-9)


def test_infinite_values_keep_the_interval_defined():
    values = np.array([0.5, *np.linspace(0, 1, 199), np.inf])
    low, high = significance.interval(values)
    assert 0 < low < high < 1
