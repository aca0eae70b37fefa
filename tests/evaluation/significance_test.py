"""Properties of the paired bootstrap."""

import numpy as np
import pytest
import sacrebleu

from shared_transformer_tf import errors
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


def test_the_difference_is_that_of_the_corpus_scores():
    references = make_text()
    baseline, system = spoil(references, 0.4, 1), spoil(references, 0.1, 2)
    compared = significance.paired_bootstrap(baseline, system, references)
    expected = (
        metrics.evaluate(system, references).bleu
        - metrics.evaluate(baseline, references).bleu
    )
    assert compared.difference == pytest.approx(expected)
    assert 0 < compared.low < compared.difference < compared.high
    assert compared.p_value < 0.01


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
    compared = significance.paired_bootstrap(baseline, system, references)
    assert compared.low < 0 < compared.high
    assert compared.p_value > 0.05


def test_exchanging_the_systems_turns_the_sign():
    references = make_text()
    first, second = spoil(references, 0.3, 5), spoil(references, 0.2, 6)
    one = significance.paired_bootstrap(first, second, references)
    other = significance.paired_bootstrap(second, first, references)
    assert one.difference == pytest.approx(-other.difference)
    assert one.low == pytest.approx(-other.high)
    assert one.p_value == other.p_value


def test_unequal_counts_are_refused():
    with pytest.raises(errors.InputError, match="2 translations and 3 ref"):
        significance.paired_bootstrap(["a"] * 3, ["a"] * 2, ["a"] * 3)


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
