"""How many settings an oracle tries, and what its Gaussian process learns."""

import warnings

import keras_tuner
import numpy as np
from sklearn.exceptions import ConvergenceWarning

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
