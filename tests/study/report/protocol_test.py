"""What was equal over arms is told from the results, not assumed."""

import dataclasses
import statistics

import pytest

from shared_transformer_tf.cli import config_flag
from shared_transformer_tf.study import plan
from shared_transformer_tf.study.report import limits, protocol, tables
from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.pictures import learning_curves
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
    told = limits.limits(Evidence.of(ResultSet(STUDY, tuple(cells), {})))
    assert "to the last: `vanilla` +1.5, `tuned` \N{MINUS SIGN}0.5." in told
    assert "searched too: `tuned` 3.0x as many as `vanilla`." in told


def test_the_spread_of_tasks_and_what_tuning_is_made_of_are_told():
    cells = [
        make_cell(task, arm, 1, num_sentences=40)
        for task in ("en-de", "de-en", "en-fr")
        for arm in ("vanilla", "shared", "tuned")
    ]
    search = {"settings": {"model.dropout": 0.1, "training.beta_2": 0.99}}
    evidence = Evidence.of(ResultSet(STUDY, tuple(cells), {"vanilla": search}))
    told = limits.limits(evidence)
    gains = [one.value for one in evidence.by_task("tuned", "vanilla").values()]
    assert f"`tuned` - `vanilla` {statistics.stdev(gains):.2f}" in told
    assert "together, for `vanilla` `dropout`, `beta_2`: what" in told
    one = Evidence.of(ResultSet(STUDY, tuple(cells[:3]), {}))
    assert "over tasks" not in limits.limits(one)
    assert "A search chose" not in limits.limits(one)


def test_kinds_of_processors_are_told_and_minutes_are_of_one():
    cells = [
        make_cell("en-de", arm, seed, num_sentences=20)
        for seed in (1, 2)
        for arm in ("vanilla", "shared", "tuned")
    ]
    one = (
        "Trained on a kind that was not recorded, 1 processor core per cell "
        "(6 cells)."
    )
    assert f"{one}\n" in told(cells)
    for cell, seconds in zip(cells, (60, 120, 180, 600, 900, 900), strict=True):
        cell["seconds"] = seconds
    for cell in cells[3:]:
        cell["processor_kind"] = "AMD EPYC with avx2"
    cells.pop()
    text = told(cells)
    assert "not recorded, 1 processor core per cell (3 cells); `AMD" in text
    kind = "`AMD EPYC with avx2`, 1 processor core per cell (2 cells)."
    assert f"{kind} On en-de that differs with the seed" in text
    assert "Minutes are of cells on one of these alone" in text
    for cell in cells:
        cell["processor_kind"] = cell["arm"]
    assert "differs with the seed" not in told(
        [cell for cell in cells if cell["arm"] != "tuned"]
    )
    for place, cell in enumerate(cells):
        cell["processor_kind"] = "AMD EPYC with avx2" if place > 2 else ""
    evidence = Evidence.of(ResultSet(STUDY, tuple(cells), {}))
    assert [evidence.seconds(arm) for arm in evidence.results.arms] == [
        *(60, 120, 180)
    ]
    table = tables.scores(evidence, evidence.results.arms)
    assert "| minutes of a training (seed 1) | 1.0 | 2.0 | 3.0 |" in table
    drawn = learning_curves.of_main_task(evidence)
    title = drawn.axes[3].get_title(loc="left")
    assert title == "by minutes, cells without a noted processor"
    for cell in cells[:3]:
        cell["processor_kind"] = "another"
    title = learning_curves.of_main_task(evidence).axes[3].get_title(loc="left")
    assert title == "by minutes, cells on one kind of processor"
    minutes = drawn.axes[3].get_lines()
    assert minutes[0].get_xdata().max() == pytest.approx(
        cells[0]["curve"][-1]["seconds"] / 60
    )


def test_an_arm_that_ran_elsewhere_has_no_minutes():
    cells = [
        make_cell("en-de", arm, 1, num_sentences=20)
        for arm in ("vanilla", "shared", "tuned")
    ]
    cells[2]["processor_kind"] = "AMD EPYC with avx2"
    evidence = Evidence.of(ResultSet(STUDY, tuple(cells), {}))
    assert evidence.seconds("tuned") is None
    row = tables.costs(evidence, ["tuned"]).splitlines()[-1]
    assert " \N{EN DASH} " in row
    drawn = learning_curves.of_main_task(evidence)
    assert [len(axes.get_lines()) for axes in drawn.axes] == [3, 3, 3, 2]
