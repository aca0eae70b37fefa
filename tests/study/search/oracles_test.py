"""How many settings an oracle tries, and what its Gaussian process learns."""

import warnings

import keras_tuner
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study.search import oracles, tuner
from shared_transformer_tf.study.search import space as space_lib
from tests.study.fake_training import make_settings


def test_bayesian_search_learns_from_few_scores_of_many_fields():
    """Where each score has a part of its own that no field explains."""
    config = make_settings().config
    config.model.num_layers, config.model.num_blocks = 4, 2
    config.model.sharing = "sequence"
    settings = make_settings(
        oracle="bayesian", space=space_lib.make_space(config)
    )
    space = keras_tuner.HyperParameters()
    tuner.TrainingHyperModel(settings.space).build(space)
    process = oracles.make_oracle(settings, space).gpr
    for seed in range(6):
        draw = np.random.default_rng(seed)
        places = draw.uniform(size=(60, len(settings.space.fields)))
        scores = places[:, :3] @ [10, 8, -8]
        seen = scores[:30] + draw.normal(0, 4, 30)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            process.fit(places[:30], seen)
        predicted = process.predict(places[30:])
        assert np.corrcoef(predicted, scores[30:])[0, 1] > 0.3


def make_bayesian(path):
    settings = make_settings(oracle="bayesian", trials=12)
    space = keras_tuner.HyperParameters()
    tuner.TrainingHyperModel(settings.space).build(space)
    oracle = oracles.make_oracle(settings, space)
    oracle._set_project_dir(str(path), "oracle")
    return oracle


def end(oracle, trial):
    values = trial.hyperparameters.values
    off = abs(np.log10(values["training.learning_rate"] / 6e-3))
    score = 30 - 6 * off - 10 * values["model.dropout"]
    oracle.update_trial(trial.trial_id, {"bleu": score})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)


def test_with_several_workers_a_restart_does_not_change_what_is_drawn(
    tmp_path,
):
    straight = make_bayesian(tmp_path)
    own, _ = straight.create_trial("a"), straight.create_trial("b")
    for _ in range(4):  # the other worker's trial takes long
        end(straight, own)
        own = straight.create_trial("a")
    again = make_bayesian(tmp_path)
    again.reload()
    retried = [again.create_trial(worker) for worker in "ab"]
    drawn = []
    for oracle, trials in ((straight, [own]), (again, retried)):
        (last,) = [t for t in trials if t.trial_id == own.trial_id]
        end(oracle, last)
        worker = "b" if last is retried[1] else "a"
        drawn.append(oracle.create_trial(worker))
    assert drawn[0].trial_id == drawn[1].trial_id
    assert drawn[0].hyperparameters.values == drawn[1].hyperparameters.values
    # of the trial that is not done yet nothing absurd is expected
    _, scores = straight._vectorize_trials()
    assert np.ptp(scores) < 20


@pytest.mark.parametrize("name", ["oracle.json", "trial_*/trial.json"])
def test_a_damaged_state_is_told(name, tmp_path):
    oracle = make_bayesian(tmp_path)
    oracle.create_trial("a")
    (path,) = (tmp_path / "oracle").glob(name)
    path.write_text(path.read_text()[:40])
    with pytest.raises(InputError, match=f"{path} is damaged"):
        make_bayesian(tmp_path).reload()


def test_a_bayesian_search_tries_no_settings_twice(tmp_path):
    config = make_settings().config
    config.model.num_layers, config.model.num_blocks = 4, 2
    config.model.sharing = "sequence"
    settings = make_settings(
        oracle="bayesian",
        trials=12,
        space=space_lib.make_space(config, ["update_scaling", "gradient_rule"]),
    )
    space = keras_tuner.HyperParameters()
    tuner.TrainingHyperModel(settings.space).build(space)
    oracle = oracles.make_oracle(settings, space)
    oracle._set_project_dir(str(tmp_path), "oracle")
    tried = []
    for _ in range(12):
        drawn = oracle.create_trial("a")
        values = drawn.hyperparameters.values
        tried.append(tuple(sorted(values.items())))
        # what Keras Tuner would take again and again
        best = values["training.update_scaling"] == "uses"
        oracle.update_trial(drawn.trial_id, {"bleu": 30.0 if best else 10.0})
        drawn.status = "COMPLETED"
        oracle.end_trial(drawn)
    assert len(set(tried)) == 12


def test_hyperband_tries_at_least_as_many_settings_as_asked(tmp_path):
    space = keras_tuner.HyperParameters()
    tuner.TrainingHyperModel(make_settings().space).build(space)
    for trials, expected in ((1, 17), (17, 17), (18, 34), (35, 51)):
        settings = make_settings(trials=trials, oracle="hyperband")
        oracle = oracles.make_oracle(settings, space)
        assert oracles.expected_trials(oracle) == expected


def test_a_bayesian_search_does_not_only_draw_randomly():
    space = keras_tuner.HyperParameters()
    for trials in (6, 30):
        settings = make_settings(trials=trials, oracle="bayesian")
        oracle = oracles.make_oracle(settings, space)
        assert oracle.num_initial_points < trials
