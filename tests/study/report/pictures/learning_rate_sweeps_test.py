"""Sweeps of learning rates stay legible however far they go."""

import itertools

import pytest
from matplotlib.text import Text

from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.pictures import learning_rate_sweeps
from shared_transformer_tf.study.report.result_set import ResultSet
from tests.study import synthetic_study
from tests.study.synthetic_study import STUDY, make_cell


def test_no_title_is_written_on_another():
    arms = ("shared_cycle_rev", "residual_uses", "update_uses", "shared_tuned")
    cells = [
        make_cell("en-de", arm, 1, variation, num_sentences=20)
        for variation in ("", "learning_rate_x0.5", "learning_rate_x2")
        for arm in arms
    ]
    for cell in cells:  # all best at an edge
        cell["dev"]["bleu"] = 40.0 if cell["variation"].endswith("x2") else 30.0
    evidence = Evidence.of(ResultSet(STUDY, tuple(cells), {}))
    drawn = learning_rate_sweeps.of_main_task(evidence)
    drawn.draw_without_rendering()
    titles = [
        child
        for axes in drawn.axes
        for child in axes.get_children()
        if isinstance(child, Text) and child.get_text()
    ]
    assert [one.get_text() for one in titles] == [
        f"{arm} (at edge)" for arm in evidence.results.arms
    ]
    places = [one.get_window_extent() for one in titles]
    for one, other in itertools.combinations(places, 2):
        assert not one.overlaps(other)
    assert max(place.x1 for place in places) <= drawn.bbox.x1


@pytest.mark.parametrize("rate", [0.003, 0.0071, 0.0136])
@pytest.mark.parametrize("factors", ["0.5 2", "0.125 0.25 0.5 2", "0.5 2 4 8"])
def test_no_rate_is_written_on_another(monkeypatch, rate, factors):
    tuned = {"training.learning_rate": rate}
    monkeypatch.setitem(synthetic_study.SETTINGS, "tuned", tuned)
    variations = ["", *(f"learning_rate_x{one}" for one in factors.split())]
    cells = [
        make_cell("en-de", arm, 1, variation, num_sentences=20)
        for variation in variations
        for arm in ("vanilla", "shared", "tuned")
    ]
    evidence = Evidence.of(ResultSet(STUDY, tuple(cells), {}))
    drawn = learning_rate_sweeps.of_main_task(evidence)
    drawn.draw_without_rendering()
    for axes in drawn.axes:
        places = [label.get_window_extent() for label in axes.get_xticklabels()]
        assert len(places) == len(variations)
        for left, right in itertools.pairwise(places):
            assert left.x1 < right.x0
