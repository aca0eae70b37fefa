"""What stands beside a difference of two arms."""

from shared_transformer_tf.study.report import findings
from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.result_set import ResultSet
from tests.study.synthetic_study import STUDY, make_cell


def test_other_numbers_of_updates_are_told_beside_the_differences():
    cells = [
        make_cell("en-de", arm, 1, num_sentences=50)
        for arm in ("vanilla", "shared", "tuned")
    ]
    results = ResultSet(STUDY, tuple(cells), {})
    for cell in cells:
        cell["updates"] = 100
    told = [one.answer for one in findings.findings(Evidence.of(results))]
    assert not any("updates at equal tokens" in answer for answer in told)
    cells[2]["updates"] = 250
    told = [one.answer for one in findings.findings(Evidence.of(results))]
    assert " and 0.40x the updates at equal tokens: " in told[0]
    assert "updates" not in told[1]
    assert ", 2.5x the updates at equal tokens: " in told[3]
