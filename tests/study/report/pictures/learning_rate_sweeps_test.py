"""Sweeps of learning rates stay legible however far they go."""

import itertools

import pytest

from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.pictures import learning_rate_sweeps
from shared_transformer_tf.study.report.result_set import ResultSet
from tests.study import synthetic_study
from tests.study.synthetic_study import STUDY, make_cell


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
