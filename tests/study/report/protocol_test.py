"""What was equal over arms is told from the results, not assumed."""

from shared_transformer_tf.study.report import protocol
from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.result_set import ResultSet
from tests.study.synthetic_study import STUDY, make_cell


def told(cells):
    return protocol.protocol(Evidence.of(ResultSet(STUDY, tuple(cells), {})))


def test_hashes_tell_what_settings_do_not():
    cells = [
        make_cell(task, arm, 1, num_sentences=20)
        for task in ("en-de", "de-en")
        for arm in ("vanilla", "shared")
    ]
    equal = "The same vocabulary in all arms of a task, by settings"
    assert f"{equal} alone for 4 cells without a hash." in told(cells)
    for cell in cells:
        hashes = {"vocabulary": cell["task"], "text": cell["task"]}
        cell["fingerprints"] = hashes
    assert f"{equal} and hash." in told(cells)
    assert "text and its order in all arms of a task, by" in told(cells)
    cells[0]["fingerprints"]["vocabulary"] = "other"
    assert "**Not the same vocabulary in all arms** of en-de." in told(cells)
