"""Findings claim no more than the seeds and the weights allow."""

import copy
import dataclasses
import re

import pytest

from shared_transformer_tf.study.report import (
    chapters,
    findings,
    protocol,
    tables,
    verdicts,
)
from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.result_set import ResultSet
from shared_transformer_tf.study.report.verdicts import Difference, Interval
from tests.study.synthetic_study import STUDY, make_cell

ARMS = ("vanilla", "shared", "tuned", "compact", "deep", "uses")


class Told:
    """In place of a bootstrap: the same difference for any two arms."""

    def __init__(self, bootstrap, seed_interval):
        self._bootstrap = bootstrap
        self._difference = Difference(
            0.9, Interval(0.1, 1.7), seed_interval, {"en-de": 2}
        )

    def __getattr__(self, name):
        return getattr(self._bootstrap, name)

    def difference(self, *arms):
        return self._difference


@pytest.fixture(scope="module", name="evidence")
def fixture_evidence():
    cells = [make_cell("en-de", arm, 1, num_sentences=20) for arm in ARMS]
    return Evidence.of(ResultSet(STUDY, tuple(cells), {}))


def told(evidence, seed_interval):
    bootstrap = Told(evidence.bootstrap, seed_interval)
    return findings.findings(dataclasses.replace(evidence, bootstrap=bootstrap))


def test_what_other_seeds_may_turn_around_is_said_beside_it(evidence):
    primary, gain, *_, rules = told(evidence, Interval(-2.0, 3.8))
    assert primary.short.startswith(f"**{verdicts.NOT_WORSE}**: +0.90")
    assert primary.short.endswith(f"seeds **{verdicts.UNDECIDED}**")
    assert gain.short.startswith("higher: +0.90")
    for one in (gain.short, rules.short.strip(")"), rules.answer):
        assert "with the spread of seeds not told apart" in one


@pytest.mark.parametrize("seed_interval", [None, Interval(0.05, 1.75)])
def test_seeds_that_agree_are_not_said_in_short(seed_interval, evidence):
    for one in told(evidence, seed_interval):
        assert "seeds" not in one.short


def test_blocks_are_not_taken_for_weights(evidence):
    found = {one.question: one for one in findings.findings(evidence)}
    weights = {cell["arm"]: cell["weights"] for cell in evidence.results.cells}
    for words, system, baseline in (
        ("half the blocks", "compact", "vanilla"),
        ("twice the blocks", "deep", "shared"),
    ):
        (one,) = [found[asked] for asked in found if words in asked]
        part = weights[system] / weights[baseline]
        assert f", {part:.0%} of the weights: " in one.answer


def test_a_factor_that_adam_divides_out_is_called_an_identity(evidence):
    answer = findings.findings(evidence)[-1].answer
    assert "is an identity" in answer and "acted here" not in answer


@pytest.mark.parametrize("arm", ["shared", "uses"])
def test_where_the_clip_acted_no_identity_is_left_alone(evidence, arm):
    cells = copy.deepcopy(evidence.results.cells)
    (cell,) = [one for one in cells if one["arm"] == arm]
    cell["training_curve"][0]["gradient_norm"] = 7.0
    clipped = Evidence.of(ResultSet(STUDY, cells, {}))
    answer = findings.findings(clipped)[-1].answer
    assert "is an identity. But the clip of the global norm acted" in answer


def test_the_part_due_to_convergence_says_that_it_knows_no_other_seeds():
    cells = [
        make_cell("en-de", arm, seed, num_sentences=200)
        for arm in ("vanilla", "shared", "tuned")
        for seed in (1, 2)
    ]
    found = findings.findings(Evidence.of(ResultSet(STUDY, tuple(cells), {})))
    assert "** of the gain" in found[2].answer
    assert "other seeds would change is not in the interval" in found[2].answer


def test_where_sharing_loses_no_part_of_a_gain_is_told():
    cells = [
        make_cell("en-de", arm, 1, num_sentences=1000)
        for arm in ("vanilla", "shared", "tuned")
    ]
    cells[0]["arm"], cells[1]["arm"] = "shared", "vanilla"
    found = findings.findings(Evidence.of(ResultSet(STUDY, tuple(cells), {})))
    assert found[1].short.startswith("lower: ")
    assert "was **not reproduced**" in found[1].answer
    assert "`vanilla`, not tuned at all, is not worse either: +" in (
        found[0].answer
    )
    assert found[2].short == "not defined: there is no gain"
    assert "**not defined**: `shared` does not gain (" in found[2].answer


def test_where_other_seeds_may_gain_the_loss_is_of_these_trainings():
    cells = [
        make_cell("en-de", arm, 1, num_sentences=1000)
        for arm in ("shared", "vanilla", "tuned")
    ]
    cells[0]["arm"], cells[1]["arm"] = "vanilla", "shared"
    evidence = Evidence.of(ResultSet(STUDY, tuple(cells), {}))
    share = evidence.bootstrap.convergence_share()
    assert share.gain.interval.high < 0

    class Unsure(Told):
        def convergence_share(self):
            gain = dataclasses.replace(
                share.gain, seed_interval=Interval(-2.0, 0.5)
            )
            return dataclasses.replace(share, gain=gain)

    found = findings.findings(
        dataclasses.replace(
            evidence, bootstrap=Unsure(evidence.bootstrap, None)
        )
    )[2]
    assert found.short == "not defined: these trainings show no gain"
    assert "With the spread of seeds it may gain ([−2.00, +0.50])" in (
        found.answer
    )


def test_verdicts_of_tasks_are_counted_with_and_without_seeds(evidence):
    def difference(seeds):
        return Difference(0.9, Interval(0.1, 1.7), seeds, {"en-de": 2})

    class ByTask(Evidence):
        def by_task(self, *arms):
            return {
                "en-de": difference(Interval(0.0, 1.8)),
                "de-en": difference(Interval(-2.0, 3.8)),
            }

    fields = {
        f.name: getattr(evidence, f.name) for f in dataclasses.fields(evidence)
    }
    told = findings._counted(ByTask(**fields))
    assert told == (
        "Of the 2 tasks by themselves, over sentences: not worse in 2 (en-de, "
        "de-en); worse in 0; undecided in 0; with the spread of seeds, not "
        "worse in 1 (de-en is undecided). "
    )


def test_where_sharing_gains_nothing_takes_the_verdict_back(evidence):
    cells = [
        make_cell("en-de", arm, 1, num_sentences=1000)
        for arm in ("vanilla", "shared", "tuned")
    ]
    found = findings.findings(Evidence.of(ResultSet(STUDY, tuple(cells), {})))
    assert found[1].short.startswith("higher: ")
    assert "either" not in found[0].answer
    assert "reproduced" not in found[1].answer


def test_seeds_that_an_arm_has_alone_are_told_apart():
    cells = [
        make_cell("en-de", arm, seed, num_sentences=200)
        for arm in ("vanilla", "shared", "tuned")
        for seed in (1, 2, 3)
        if arm != "tuned" or seed == 1
    ]
    evidence = Evidence.of(ResultSet(STUDY, tuple(cells), {}))
    primary, gain, share, *_ = findings.findings(evidence)
    assert "One seed of each is compared" in primary.answer
    assert "With the spread of seeds (3 in a task)" in gain.answer
    assert "over the seeds that all three arms have" in share.answer
    assert "fewer than stand beside their BLEU" in chapters.scores(evidence, {})


def test_a_part_that_other_seeds_may_undo_is_not_told_bare(evidence):
    share = verdicts.ConvergenceShare(
        Difference(0.9, Interval(0.1, 1.7), Interval(-0.2, 2.0), {"en-de": 2}),
        0.8,
        Interval(0.5, 1.2),
    )
    bootstrap = Told(evidence.bootstrap, Interval(-0.2, 2.0))
    bootstrap.convergence_share = lambda: share
    found = findings.findings(
        dataclasses.replace(evidence, bootstrap=bootstrap)
    )[2]
    assert found.short == (
        "of these trainings 80% [50%, 120%]; with other seeds not defined"
    )
    told = "80% [50%, 120%]; with other seeds not defined"
    assert tables.part_told(share) == told


def test_settings_that_make_another_function_are_told():
    cells = [
        make_cell("en-de", arm, 1, num_sentences=20)
        for arm in ("shared", "shared_tuned", "residual_uses")
    ]

    def answer():
        evidence = Evidence.of(ResultSet(STUDY, tuple(cells), {}))
        (found,) = [
            one
            for one in findings.findings(evidence)
            if "lift the sharing model" in one.question
        ]
        return found

    aside = ", with another residual scale besides"
    assert "another function" not in answer().answer
    assert aside not in answer().short
    cells[1]["settings"]["model.residual_scale"] = "inverse_uses"
    assert "`shared` `none`: another function" in answer().answer
    assert aside in answer().short
    figures = [
        float(figure.replace("\N{MINUS SIGN}", "-"))
        for figure in re.findall(
            r"(?:gain is|`shared`|found) ([+\N{MINUS SIGN}][\d.]+) \[",
            answer().answer.partition(" On en-de ")[2],
        )
    ]
    whole, alone, rest = figures
    assert whole == pytest.approx(alone + rest, abs=0.011)
    cells.pop()
    assert " alone " not in answer().answer


def test_rates_of_several_kinds_of_processor_are_told():
    cells = [
        make_cell("en-de", "vanilla", 1, variation, num_sentences=20)
        for variation in ("", "learning_rate_x2")
    ]
    cells.append(make_cell("en-de", "shared", 1, num_sentences=20))
    for cell, bleu in zip(cells, (30, 31, 30), strict=True):
        cell["dev"]["bleu"] = bleu
        cell["processor_kind"] = "AMD EPYC with avx512f"
    results = ResultSet(STUDY, tuple(cells), {})

    def told():
        evidence = Evidence.of(results)
        yield (
            "different kinds of processors"
            in findings.findings(evidence)[1].answer
        )
        yield "In 1 of 1 sweep not all" in chapters.sweeps(evidence, {})
        text = protocol.protocol(evidence)
        yield "In en-de some arms of a seed are noted" in text

    assert list(told()) == [False, False, False]
    cells[0]["processors"] = 7  # the kind is the same
    assert list(told()) == [False, False, False]
    cells[1]["processor_kind"] = "AMD EPYC with avx2"
    assert list(told()) == [True, True, False]
    cells[2]["processor_kind"] = "AMD EPYC with avx2"
    assert list(told()) == [True, True, True]
    for cell in cells:
        cell["processor_kind"] = ""
    assert list(told()) == [True, True, False]


def test_a_better_learning_rate_than_the_one_used_is_told():
    cells = [
        make_cell("en-de", arm, 1, variation, num_sentences=20)
        for arm in ("vanilla", "shared")
        for variation in ("", "learning_rate_x2")
    ]
    for cell, bleu in zip(cells, (30, 31, 31, 30), strict=True):
        cell["dev"]["bleu"] = bleu
    results = ResultSet(STUDY, tuple(cells), {})
    answer = findings.findings(Evidence.of(results))[1].answer
    told = "for `vanilla` in 1 of 1 (en-de +1.00) of the tasks that were swept"
    assert told in answer
