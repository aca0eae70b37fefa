"""Verdicts stand beside the interval that they are about."""

import pytest

from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.pictures import forest
from shared_transformer_tf.study.report.result_set import ResultSet
from tests.study.synthetic_study import STUDY, make_cell


@pytest.mark.parametrize(
    ("seeds", "said"), [((1,), "one seed each"), ((1, 2), "thin: over seeds")]
)
def test_it_is_said_which_interval_decides(seeds, said):
    cells = [
        make_cell("en-de", arm, seed, num_sentences=20)
        for arm in ("shared", "tuned")
        for seed in seeds
    ]
    drawn = forest.tuned_against_shared(
        Evidence.of(ResultSet(STUDY, tuple(cells), {}))
    )
    label = drawn.axes[0].get_xlabel()
    assert "over test sentences, which decides" in label and said in label
