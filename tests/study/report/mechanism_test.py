"""What is said of the gradients of uses is the mean over seeds, with spread."""

import pytest

from shared_transformer_tf.study.report import mechanism, tables
from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.pictures import use_gradients
from shared_transformer_tf.study.report.result_set import ResultSet
from tests.study.synthetic_study import STUDY, make_cell


def make_evidence(cosines):
    """Cells of `shared`, whose uses have these cosines at 8 moments."""
    cells = []
    for seed, (first, last) in enumerate(cosines, start=1):
        cell = make_cell("en-de", "shared", seed, num_sentences=20)
        for number, moment in enumerate(cell["gradients"]):
            moment["tokens"] = 1_000_000 * (number + 1)
            part = number / 7
            for found in moment["weights"].values():
                found["cosine_mean"] = (1 - part) * first + part * last
                found["norm_mean"] = 0.5 + number / 4
                found["norm"] = seed * found["norm_mean"]
        cells.append(cell)
    return Evidence.of(ResultSet(STUDY, tuple(cells), {}))


def test_one_training_has_no_spread():
    found = mechanism.gradients(make_evidence([(0.8, 0.6)]))
    assert found.short == "cosine 0.80 at first, 0.60 at the end"
    assert "2 uses in `shared` (en-de, 1 seed, mean" in found.answer
    assert "of 0.80 after 1M target tokens and 0.60 after 8M" in found.answer
    assert "then 1.00 times as long as one of them, whose norm was 0.500" in (
        found.answer
    )
    assert "at first and is 2.250. No interval" in found.answer
    assert found.answer.endswith("No interval: one training.")


def test_seeds_are_told_with_their_spread():
    evidence = make_evidence([(0.8, 0.6), (0.7, 0.5), (0.6, 0.4)])
    found = mechanism.gradients(evidence)
    assert found.short == (
        "cosine 0.70 ± 0.10 (3) at first, 0.50 ± 0.10 (3) at the end"
    )
    assert "(en-de, 3 seeds, mean over sublayers)" in found.answer
    assert "then 2.00 ± 1.00 (3) times as long" in found.answer
    assert found.answer.endswith("With the standard deviation over seeds.")
    row = tables.cosines(evidence).splitlines()[-1]
    assert row.startswith("| `shared` | 0.70 ± 0.10 (3) | ")
    assert row.endswith(" | 0.50 ± 0.10 (3) |")


def test_the_picture_has_the_mean_over_seeds_and_their_band():
    evidence = make_evidence([(0.8, 0.6), (0.6, 0.2)])
    del evidence.results.cells[1]["gradients"][7]
    (axes,) = use_gradients.of_arms(evidence).axes
    (line,) = axes.get_lines()
    last = 0.6 + 0.2 / 7, 0.2 + 0.4 / 7
    assert line.get_xdata().tolist() == [1_000_000 * i for i in range(1, 8)]
    assert line.get_ydata()[[0, -1]] == pytest.approx([0.7, sum(last) / 2])
    (band,) = axes.collections
    edges = band.get_paths()[0].vertices
    assert edges[:, 1].max() == pytest.approx(0.8)
    assert edges[:, 1].min() == pytest.approx(last[1])
    assert axes.get_title(loc="left").endswith("band: seeds")


def test_an_arm_without_uses_is_not_answered():
    cell = make_cell("en-de", "vanilla", 1, num_sentences=20)
    evidence = Evidence.of(ResultSet(STUDY, (cell,), {}))
    assert mechanism.gradients(evidence).short.startswith("not answered")
    assert tables.cosines(evidence) == ""
    assert use_gradients.of_arms(evidence) is None


def test_ablations_with_a_better_learning_rate_are_told():
    cells = [
        make_cell("en-de", arm, 1, variation, num_sentences=20)
        for arm in ("shared", "unit", "update_uses")
        for variation in ("", "learning_rate_x2")
    ]
    for cell, bleu in zip(cells, (30, 33, 31, 30, 30, 32), strict=True):
        cell["dev"]["bleu"] = bleu
    answer = mechanism.rules(
        Evidence.of(ResultSet(STUDY, tuple(cells), {}))
    ).answer
    assert "another was ahead for `update_uses` +2.00 at 0.006." in answer
