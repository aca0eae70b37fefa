"""A trial ends at its budget, when it is unpromising, or when it fails."""

import json
import logging
import os
import pathlib

import pytest
import tensorflow as tf

from shared_transformer_tf.errors import DivergedError, InputError
from shared_transformer_tf.run_directory import RunDirectory
from shared_transformer_tf.study.search.folder import SearchFolder
from shared_transformer_tf.study.search.trial_run import TrialRun
from tests.study.fake_training import FakeTraining, make_settings

pytestmark = pytest.mark.usefixtures("quick")

RATE = "training.learning_rate"


@pytest.fixture
def folder(tmp_path):
    return SearchFolder(str(tmp_path / "search"))


def trial(folder, name="0", rate=6e-3, tokens=90_000, **search):
    return TrialRun(folder, make_settings(**search), name, {RATE: rate}, tokens)


def test_a_trial_is_trained_on_the_budget_with_what_is_its_own(folder):
    train = FakeTraining()
    outcome = trial(folder, rate=3e-3).finish(train)
    ((name, config),) = train.calls
    assert (name, config.training.learning_rate) == ("0", 3e-3)
    assert config.training.max_tokens == 90_000
    assert config.training.max_steps == 0 and config.training.patience == 0
    assert config.tokenizer.source_model == os.path.join(
        folder.tokenizer, "joint.model"
    )
    assert [tokens for _, tokens in train.evaluations] == [
        18_000 * n for n in range(1, 6)
    ]
    assert outcome.status == "completed" and outcome.tokens == 90_000
    assert outcome.score == outcome.scores["bleu"] > 0
    assert outcome.updates == 900 and outcome.seconds == 90.0
    assert folder.outcome("0") == outcome


def test_the_objective_is_what_is_scored_and_kept_by(folder):
    train = FakeTraining()
    outcome = trial(folder, objective="loss").finish(train)
    assert outcome.score == outcome.scores["loss"] != outcome.scores["bleu"]
    assert train.calls[0][1].training.best_by == "loss"


def test_a_trial_that_ended_is_not_trained_again(folder):
    first = trial(folder).finish(FakeTraining())
    train = FakeTraining()
    assert trial(folder).finish(train) == first
    assert train.calls == []


def test_a_trial_that_was_stopped_goes_on(folder):
    class Killed(BaseException):
        pass

    def kill(name, tokens):
        if tokens > 40_000:
            raise Killed

    with pytest.raises(Killed):
        trial(folder).finish(FakeTraining(kill))
    assert folder.outcomes() == []
    train = FakeTraining()
    assert trial(folder).finish(train).status == "completed"
    assert [t for _, t in train.evaluations] == [54_000, 72_000, 90_000]


def test_a_trial_goes_on_where_the_folder_has_another_name(folder, tmp_path):
    def fail(name, tokens):
        if tokens > 40_000:
            raise InputError("no room")

    with pytest.raises(InputError):
        trial(folder).finish(FakeTraining(fail))
    os.rename(folder.path, tmp_path / "moved")
    moved = SearchFolder(str(tmp_path / "moved"))
    assert trial(moved).finish(FakeTraining()).status == "completed"


def test_below_the_median_of_enough_others_a_trial_ends_early(folder):
    for name in "123":
        trial(folder, name).finish(FakeTraining())
    trial(folder, "failed").finish(FakeTraining(diverge))
    bad = trial(folder, "4", rate=1e-3).finish(FakeTraining())
    assert bad.status == "completed"  # of the four others one has failed
    train = FakeTraining()
    outcome = trial(folder, "5", rate=2e-3).finish(train)
    # two evaluations are within the half that is spared
    assert [t for _, t in train.evaluations] == [18_000, 36_000, 54_000]
    assert outcome.status == "stopped early" and outcome.tokens == 54_000
    assert outcome.reason == "below the median after 60% of the budget"
    assert outcome.score == outcome.scores["bleu"]
    again = FakeTraining()
    assert trial(folder, "5", rate=2e-3).finish(again) == outcome
    assert again.calls == []
    good = trial(folder, "6", rate=6e-3).finish(FakeTraining())
    assert good.status == "completed"


def test_what_others_do_after_the_stop_of_a_trial_is_no_error(folder):
    for name in "1234":
        trial(folder, name).finish(FakeTraining())

    def train(config, workdir, *, enough):
        def watched(scores):
            stop = enough(scores)
            for name in "abcdef" if stop else "":
                trial(folder, name, rate=1e-3).finish(FakeTraining())
            return stop

        FakeTraining()(config, workdir, enough=watched)

    outcome = trial(folder, "5", rate=2e-3).finish(train)
    assert outcome.status == "stopped early"
    assert outcome.reason == "below the median after 60% of the budget"


def test_a_kill_after_the_last_evaluation_changes_nothing(folder):
    train = FakeTraining()
    for name in "1234":
        trial(folder, name).finish(FakeTraining())
    first = trial(folder, "5", rate=2e-3).finish(train)
    os.remove(os.path.join(folder.path, "outcomes", "5.json"))
    again = FakeTraining()
    assert trial(folder, "5", rate=2e-3).finish(again) == first
    assert again.calls == []


def diverge(name, tokens):
    if tokens > 40_000:
        raise DivergedError("Update 7 was not applied: its loss is nan.")


def test_a_diverged_trial_has_failed_with_the_reason(folder):
    outcome = trial(folder).finish(FakeTraining(diverge))
    assert outcome.status == "failed" and outcome.score is None
    assert "diverged: Update 7 was not applied" in outcome.reason
    assert outcome.tokens == 36_000


def test_a_trial_whose_last_loss_is_no_number_has_failed(folder):
    outcome = trial(folder).finish(spoiled("loss"))
    assert outcome.status == "failed" and outcome.score is None
    assert outcome.reason == "dev loss is nan"
    assert set(outcome.scores) == {"bleu", "chrf"}
    assert folder.outcome("0") == outcome


def spoiled(name):
    """A training that overflows in its last evaluation."""
    plain = FakeTraining()

    def train(config, workdir, *, enough):
        plain(config, workdir, enough=enough)
        path = pathlib.Path(RunDirectory(workdir).metrics_file)
        *before, last = path.read_text().splitlines()
        last = json.loads(last) | {name: float("nan")}
        path.write_text("\n".join([*before, json.dumps(last), ""]))

    return train


def test_a_trial_without_memory_has_failed(folder):
    def exhaust(name, tokens):
        raise tf.errors.ResourceExhaustedError(None, None, "no 9 GB")

    outcome = trial(folder).finish(FakeTraining(exhaust))
    assert outcome.status == "failed" and "no 9 GB" in outcome.reason


def test_a_trial_in_which_two_workers_died_has_failed(folder):
    folder.note_death("0")
    folder.note_death("1")
    assert trial(folder).finish(FakeTraining()).status == "completed"
    folder.note_death("1")
    train = FakeTraining()
    outcome = trial(folder, "1").finish(train)
    assert outcome.status == "failed" and train.calls == []
    assert outcome.reason == "2 workers died in it"


def test_other_errors_are_not_the_trials(folder):
    def fail(name, tokens):
        raise InputError("The disk is full.")

    with pytest.raises(InputError, match="disk is full"):
        trial(folder).finish(FakeTraining(fail))
    assert folder.outcomes() == []


def test_a_training_that_ends_for_no_reason_is_a_bug(folder):
    with pytest.raises(RuntimeError, match="for no reason"):
        trial(folder).finish(lambda config, workdir, enough: None)


def test_a_rung_of_hyperband_ends_and_a_later_one_goes_on(folder):
    train = FakeTraining()
    search = {"oracle": "hyperband"}
    for name in "12345":  # no rule of the median here
        trial(folder, name, **search).finish(FakeTraining())
    first = trial(folder, rate=1e-3, tokens=10_000, **search).finish(train)
    assert (first.status, first.tokens) == ("stopped early", 10_000)
    assert first.reason == "not promoted after 11% of the budget"
    same = trial(folder, rate=1e-3, tokens=10_000, **search).finish(train)
    assert same == first and len(train.calls) == 1
    next_one = trial(folder, rate=1e-3, tokens=30_000, **search).finish(train)
    assert (next_one.status, next_one.tokens) == ("stopped early", 30_000)
    last = trial(folder, rate=1e-3, **search).finish(train)
    assert (last.status, last.tokens) == ("completed", 90_000)
    # each token once: rungs go on, they do not begin anew
    assert [t for _, t in train.evaluations] == [
        10_000 * n for n in range(1, 10)
    ]


def test_curves_of_the_others_may_be_in_the_making(folder):
    for name in "1234":
        trial(folder, name).finish(FakeTraining())
    metrics = RunDirectory(folder.trial("3")).metrics_file
    with open(metrics, "a", encoding="utf-8") as stream:
        stream.write(json.dumps({"kind": "valid"})[:9])
    assert trial(folder, "5", rate=1e-3).finish(FakeTraining()).reason


def test_only_the_warning_of_a_model_after_the_other_is_left_out(folder):
    heard = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())
    logger = logging.getLogger("tensorflow")
    logger.addHandler(handler)
    often = "5 out of the last 5 calls to f triggered tf.function retracing."

    def warn(name, tokens):
        logger.warning(often)
        logger.warning("other")

    try:
        trial(folder, evaluations=1).finish(FakeTraining(warn))
        assert heard == ["other"]
        logger.warning(often)
        assert heard == ["other", often]
    finally:
        logger.removeHandler(handler)
