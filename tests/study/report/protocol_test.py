"""What was equal over arms is told from the results, not assumed."""

import dataclasses

from shared_transformer_tf.cli import config_flag
from shared_transformer_tf.study import plan
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


def test_what_was_thrown_away_is_told():
    study = plan.load(config_flag.find("study_multi30k"))
    cell = make_cell("en-de", "shared", 1, num_sentences=20)
    evidence = Evidence.of(ResultSet(STUDY, (cell,), {}))
    told = protocol.protocol(dataclasses.replace(evidence, study=study))
    assert f"* {study.history[0]}\n" in told


def test_trainings_that_still_rise_or_make_other_updates_are_told():
    cells = [
        make_cell("en-de", arm, 1, num_sentences=20)
        for arm in ("vanilla", "tuned")
    ]
    cells[1]["updates"] = 3 * cells[0]["updates"]
    for cell, rise in zip(cells, (1.5, -0.5), strict=True):
        before, end = cell["curve"][-2:]
        end["bleu"] = before["bleu"] + rise
    told = protocol.limits(Evidence.of(ResultSet(STUDY, tuple(cells), {})))
    assert "to the last: `vanilla` +1.5, `tuned` \N{MINUS SIGN}0.5." in told
    assert "searched too: `tuned` 3.0x as many as `vanilla`." in told
