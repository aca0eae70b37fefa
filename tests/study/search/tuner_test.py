"""Searches give every trial once, the same ones however often they stop."""

import collections
import dataclasses
import math
import os

import pytest

from shared_transformer_tf.data import corpus
from shared_transformer_tf.data.tokenizer import Tokenizer
from shared_transformer_tf.errors import DivergedError, InputError, StoppedError
from shared_transformer_tf.study.search import folder as folder_lib
from shared_transformer_tf.study.search import tuner
from shared_transformer_tf.study.search.folder import SearchFolder
from tests.study.fake_training import FakeTraining, make_settings

RATE = "training.learning_rate"


class Killed(BaseException):
    """What kill -9 is to a process: nothing of ours handles it."""


pytestmark = pytest.mark.usefixtures("quick")


def search(path, train=None, **changes):
    train = train or FakeTraining()
    settings = make_settings(**changes)
    folder = SearchFolder(str(path))
    os.makedirs(folder.path, exist_ok=True)
    tuner.search(folder, settings, train)
    return folder.outcomes(), train


def test_the_first_trial_is_the_config_itself_and_all_differ(tmp_path):
    outcomes, train = search(tmp_path / "a", trials=8)
    assert len(outcomes) == 8
    config = make_settings().config
    assert outcomes[0].settings == {
        RATE: config.training.learning_rate,
        "training.beta_2": config.training.beta_2,
        "model.dropout": config.model.dropout,
    }
    drawn = [tuple(outcome.settings.values()) for outcome in outcomes]
    assert len(set(drawn)) == 8
    # what is trained is what is told, and nothing else differs
    for (_, trained), outcome in zip(train.calls, outcomes, strict=True):
        assert trained.training.learning_rate == outcome.settings[RATE]
        assert trained.training.seed == config.training.seed
        assert vars(trained.data) == vars(config.data)


def test_the_seed_decides_the_trials(tmp_path):
    def drawn(name, **changes):
        return [o.settings for o in search(tmp_path / name, **changes)[0]]

    first = drawn("a")
    assert drawn("b") == first
    assert drawn("c", seed=2)[1:] != first[1:]


def test_more_trials_may_be_asked_for_later(tmp_path):
    few, _ = search(tmp_path / "a", trials=3)
    more, train = search(tmp_path / "a", trials=5)
    assert more[:3] == few and len(more) == 5
    assert len(train.calls) == 2
    straight, _ = search(tmp_path / "b", trials=5)
    assert more == straight


def test_more_trials_of_a_bayesian_search_have_more_random_ones(tmp_path):
    few = make_settings(trials=3, oracle="bayesian")
    more = dataclasses.replace(few, trials=60)
    folder = SearchFolder(str(tmp_path))
    tuner.search(folder, few, FakeTraining())
    points = [
        tuner.TrainingTuner(
            folder, settings, FakeTraining()
        ).oracle.num_initial_points
        for settings in (few, more)
    ]
    assert points[0] < points[1] == 20


def test_fewer_rounds_of_hyperband_may_be_asked_for_later(tmp_path):
    """It would go on for ever: it only ends in its last round."""
    kills = iter(range(10**9))

    def kill(name, tokens):
        if next(kills) == 110:  # in the second round
            raise Killed

    changes = {"oracle": "hyperband"}
    with pytest.raises(Killed):
        search(tmp_path, FakeTraining(kill), trials=34, **changes)
    assert len(SearchFolder(str(tmp_path)).outcomes()) > 17
    outcomes, _ = search(tmp_path, trials=17, **changes)
    assert len(outcomes) == 34


def kill_at(monkeypatch, place):
    """Kills at the write of that number, before or after the renaming."""
    count = iter(range(10**9))
    replace = os.replace

    def interrupted(source, target):
        number = next(count)
        if number == place / 2:
            raise Killed
        replace(source, target)
        if number == (place - 1) / 2:
            raise Killed

    monkeypatch.setattr(folder_lib.os, "replace", interrupted)


@pytest.mark.parametrize(
    ("oracle", "trials", "stride"), [("random", 4, 1), ("hyperband", 1, 19)]
)
def test_a_search_killed_at_any_write_goes_on_as_if_nothing_happened(
    tmp_path, monkeypatch, oracle, trials, stride
):
    changes = {"oracle": oracle, "trials": trials}
    wanted, straight = search(tmp_path / "straight", **changes)
    kills = 0
    for place in range(0, 10**9, stride):
        path, first = tmp_path / str(place), FakeTraining()
        with monkeypatch.context() as patch:
            kill_at(patch, place)
            try:
                search(path, first, **changes)
            except Killed:
                kills += 1
            else:
                break
        outcomes, second = search(path, **changes)
        assert outcomes == wanted, place
        both = first.evaluations + second.evaluations
        assert sorted(both) == sorted(straight.evaluations), place
    assert kills >= 20


def test_several_kills_in_a_row_lose_no_trial(tmp_path, monkeypatch):
    wanted, straight = search(tmp_path / "straight", oracle="hyperband")
    seen = []
    for place in range(3, 400, 17):
        train = FakeTraining()
        with monkeypatch.context() as patch:
            kill_at(patch, place)
            try:
                outcomes, _ = search(tmp_path / "a", train, oracle="hyperband")
                break
            except Killed:
                pass
            finally:
                seen += train.evaluations
    assert outcomes == wanted
    assert sorted(seen) == sorted(straight.evaluations)


@pytest.mark.parametrize("oracle", ["random", "hyperband"])
def test_diverged_trials_are_failed_trials_not_the_end(tmp_path, oracle):
    def diverge(name, tokens):
        if int(name) % 2:
            raise DivergedError("Update 1 was not applied.")

    outcomes, train = search(
        tmp_path, FakeTraining(diverge), oracle=oracle, trials=12
    )
    counts = collections.Counter(o.status for o in outcomes)
    assert counts["failed"] >= 5 and counts["completed"] >= 2
    assert all(o.score is None for o in outcomes if o.status == "failed")
    assert len({name for name, _ in train.calls}) == len(outcomes)


def test_a_search_in_which_all_fail_still_ends(tmp_path):
    def diverge(name, tokens):
        raise DivergedError("Update 1 was not applied.")

    outcomes, _ = search(tmp_path, FakeTraining(diverge), oracle="hyperband")
    assert {o.status for o in outcomes} == {"failed"} and len(outcomes) == 17


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize(
    ("objective", "worst"), [("bleu", 0.0), ("loss", math.log(90))]
)
def test_an_oracle_hears_of_a_failure_as_of_knowing_nothing(
    tmp_path, objective, worst, named
):
    def diverge(name, tokens):
        raise DivergedError("Update 1 was not applied.")

    settings = make_settings(trials=1, objective=objective)
    config = settings.config
    lines = corpus.load_split(config.data, "valid", 1)
    config.tokenizer.vocabulary_size = 90
    folder = SearchFolder(str(tmp_path / "search"))
    place = str(tmp_path / "named") if named else folder.tokenizer
    made = Tokenizer.train(lines.source, lines.target, config.tokenizer)
    made.save(place)
    config.tokenizer.vocabulary_size = 32_000  # not that of what is there
    if named:
        config.tokenizer.source_model = os.path.join(place, "joint.model")
    tuning = tuner.TrainingTuner(folder, settings, FakeTraining(diverge))
    tuning.search()
    (trial,) = tuning.oracle.trials.values()
    assert trial.status == "COMPLETED" and trial.score == worst


@pytest.mark.parametrize(
    "error",
    [InputError("The disk is full."), StoppedError("stopped", 2), KeyError()],
)
def test_what_is_no_divergence_ends_the_search_as_it_is(tmp_path, error):
    def fail(name, tokens):
        if name == "1" and tokens > 20_000:
            raise error

    with pytest.raises(type(error)) as raised:
        search(tmp_path, FakeTraining(fail))
    assert raised.value is error
    outcomes, train = search(tmp_path)
    assert len(outcomes) == 6 and len(train.calls) == 5
    assert train.evaluations[0] == ("1", 36_000)


def test_low_is_good_where_the_objective_is_the_loss(tmp_path):
    outcomes, _ = search(
        tmp_path, oracle="hyperband", objective="loss", trials=1
    )
    done = [o for o in outcomes if o.status == "completed"]
    stopped = [o for o in outcomes if o.tokens == 10_000]
    assert min(o.score for o in done) < min(o.score for o in stopped)
    first = sorted(stopped, key=lambda o: o.settings[RATE])
    assert all(abs(math.log10(o.settings[RATE] / 6e-3)) > 0.1 for o in first)


def test_bayesian_search_draws_where_scores_are_high(tmp_path):
    outcomes, _ = search(tmp_path, oracle="bayesian", trials=7)
    assert len(outcomes) == 7
    off = [abs(math.log10(o.settings[RATE] / 6e-3)) for o in outcomes]
    assert min(off[4:]) < 0.2


def test_bayesian_search_goes_on_as_if_nothing_happened(tmp_path):
    def stop(name, tokens):
        if name == "4":
            raise InputError("The disk is full.")

    changes = {"oracle": "bayesian", "trials": 6}
    wanted, _ = search(tmp_path / "straight", **changes)
    with pytest.raises(InputError):
        search(tmp_path / "a", FakeTraining(stop), **changes)
    assert search(tmp_path / "a", **changes)[0] == wanted


def test_an_idle_oracle_is_not_asked_without_a_pause(tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr(tuner.time, "sleep", pauses.append)
    folder = SearchFolder(str(tmp_path))
    tuning = tuner.TrainingTuner(folder, make_settings(), FakeTraining())
    tuning.pre_create_trial()
    tuning.on_trial_begin(None)
    tuning.pre_create_trial()
    assert pauses == []
    tuning.pre_create_trial()
    assert pauses == [tuner._IDLE_SECONDS]
