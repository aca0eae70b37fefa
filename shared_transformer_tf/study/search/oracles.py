"""Keras Tuner's oracles, made to outlive kills and workers that die.

What Keras Tuner 1.4.8 leaves open is closed here: its state files are
overwritten in place (here beside and renamed); a trial that ended just before
a kill is run again; one that was created but not yet told to the oracle
counts and is never run; the trial of a dead worker is nobody's; the first
trial is a random one (here the config's own values); a trial's score is the
best of its evaluations (here the last); Bayesian search draws randomly for
three times as many trials as there are fields, goes on to draw randomly in
many fields, where the likeliest length scale of its Gaussian process is often
0, tries the same settings again, and what it draws depends on when it was last
restarted.
"""

import math
import pathlib
import warnings

import keras_tuner
import numpy as np
from keras_tuner.engine import trial as trial_lib
from sklearn import gaussian_process
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import kernels

from shared_transformer_tf.study.search.folder import read_json, write_json
from shared_transformer_tf.study.search.settings import (
    HYPERBAND_FACTOR,
    HYPERBAND_PARTS,
    SearchSettings,
)

_ENDED = (trial_lib.TrialStatus.COMPLETED, trial_lib.TrialStatus.FAILED)
# Of a field's whole range, 1: below the least, what one trial tells says
# nothing about others, and all that is unknown seems equally good.
_LENGTH_SCALES = (0.4, 10.0)
# Of scores, whose variance is taken as 1: what another seed changes.
_NOISES = (1e-3, 1.0)
# Standard deviations by which a trial may be better than what is expected.
# Keras Tuner's 2.6 leave few of 30 trials for what is known to be good.
_HOPE = 1.0
# Hyperband's name of the trial that one goes on with.
_BEFORE = "tuner/trial_id"


class _Lasting:
    """What all oracles here have in common."""

    def save(self) -> None:
        """Writes the state; a kill leaves the old or the new one."""
        write_json(self._get_oracle_fname(), self.get_state())

    def _save_trial(self, trial: trial_lib.Trial) -> None:
        directory = self._get_trial_dir(trial.trial_id)
        write_json(f"{directory}/trial.json", trial.get_state())

    def reload(self) -> None:
        """Reads the state; trials that a kill ended are to be run again.

        Raises:
            InputError: if a file of it is damaged.
        """
        state = pathlib.Path(self._get_oracle_fname())
        for path in [state, *state.parent.glob("trial_*/trial.json")]:
            read_json(path)  # for Keras Tuner's reader trusts them
        super().reload()
        # A later one was written before the kill, but never begun.
        self.trials = {name: self.trials[name] for name in self.start_order}
        for name, trial in self.trials.items():
            if trial.status in _ENDED and name not in self.end_order:
                self.end_order.append(name)
        unfinished = set(self.trials) - set(self.end_order)
        self._retry_queue = sorted(unfinished, reverse=True)
        for name in unfinished:
            self._begin_anew(self.trials[name])

    def score_trial(self, trial: trial_lib.Trial) -> None:
        """Scores by the last evaluation: the one at the end of the budget."""
        last = trial.metrics.get_history(self.objective.name)[-1]
        trial.score, trial.best_step = last.mean(), last.step

    @keras_tuner.synchronized
    def release(self, tuner_id: str) -> str | None:
        """Gives the trial of a worker that died to the next one that asks.

        Returns:
            The trial's name, if it had one.
        """
        self.tuner_ids.discard(tuner_id)
        trial = self.ongoing_trials.pop(tuner_id, None)
        if trial is None:
            return None
        if trial.trial_id not in self.end_order:
            self._begin_anew(trial)
            self._retry_queue.append(trial.trial_id)
        self.save()
        return trial.trial_id

    def _begin_anew(self, trial: trial_lib.Trial) -> None:
        trial.status = trial_lib.TrialStatus.RUNNING
        trial.metrics = type(trial.metrics)()

    def _random_values(self) -> dict | None:
        if not self.trials:
            return {hp.name: hp.default for hp in self.hyperparameters.space}
        return super()._random_values()


class RandomOracle(_Lasting, keras_tuner.oracles.RandomSearchOracle):
    """Draws each trial by itself."""


class HyperbandOracle(_Lasting, keras_tuner.oracles.HyperbandOracle):
    """Draws many trials, and goes on with the better ones."""


class BayesianOracle(_Lasting, keras_tuner.oracles.BayesianOptimizationOracle):
    """Draws where a Gaussian process expects or does not know much."""

    def _make_gpr(self) -> gaussian_process.GaussianProcessRegressor:
        kernel = kernels.ConstantKernel(1.0, (0.1, 10.0)) * kernels.Matern(
            1.0, _LENGTH_SCALES, nu=2.5
        ) + kernels.WhiteKernel(0.05, _NOISES)
        return gaussian_process.GaussianProcessRegressor(
            kernel,
            n_restarts_optimizer=10,
            normalize_y=True,
            random_state=self.seed,
        )

    def populate_space(self, trial_id: str) -> dict:
        """Returns the next values, a function of the trials so far alone."""
        self._random_state = np.random.RandomState(self.seed + int(trial_id))
        with warnings.catch_warnings():
            # Of what does not matter, a bound is the likeliest.
            warnings.simplefilter("ignore", ConvergenceWarning)
            if self.ongoing_trials:
                self._fit_to_ended()
            found = super().populate_space(trial_id)
        # In a space of few choices the best expected one may have been tried.
        if found["values"] and self._duplicate(found["values"]):
            return self._random_populate_space()
        return found

    def _fit_to_ended(self) -> None:
        """What Keras Tuner takes for scores of trials that others have.

        It asks the process as it was fitted last, which after a start is
        not at all: then those had a BLEU near 0, far below all others.
        """
        ended = [
            trial
            for trial in self.trials.values()
            if trial.status == trial_lib.TrialStatus.COMPLETED
        ]
        sign = -1 if self.objective.direction == "max" else 1
        if ended:
            self.gpr.fit(
                [self._place(trial.hyperparameters.values) for trial in ended],
                [sign * trial.score for trial in ended],
            )

    def _place(self, values: dict) -> list[float]:
        fields = self.hyperparameters.space
        return [field.value_to_prob(values[field.name]) for field in fields]


def make_oracle(
    settings: SearchSettings, space: keras_tuner.HyperParameters
) -> keras_tuner.Oracle:
    """Returns the oracle of a search.

    Args:
        settings: of the search.
        space: the hyperparameters.
    """
    common = {
        "objective": keras_tuner.Objective(
            settings.objective, "max" if settings.sign > 0 else "min"
        ),
        "hyperparameters": space,
        "allow_new_entries": False,
        "seed": settings.seed,
        # Trials that fail say so in their outcome and end as completed.
        "max_consecutive_failed_trials": 10**9,
    }
    if settings.oracle == "hyperband":
        oracle = HyperbandOracle(
            max_epochs=HYPERBAND_PARTS, factor=HYPERBAND_FACTOR, **common
        )
        # expected of the one round that it has so far
        rounds = math.ceil(settings.trials / expected_trials(oracle))
        oracle.hyperband_iterations = rounds
    elif settings.oracle == "random":
        oracle = RandomOracle(max_trials=settings.trials, **common)
    else:
        oracle = BayesianOracle(
            max_trials=settings.trials,
            num_initial_points=_random_points(settings),
            beta=_HOPE,
            **common,
        )
    oracle.verbose = 0
    return oracle


def expected_trials(oracle: keras_tuner.Oracle) -> int:
    """Returns how many settings are tried in all."""
    if not isinstance(oracle, HyperbandOracle):
        return oracle.max_trials
    of_a_round = sum(
        oracle._get_size(bracket, 0)
        for bracket in range(oracle._get_num_brackets())
    )
    return oracle.hyperband_iterations * of_a_round


def set_random_points(
    oracle: keras_tuner.Oracle, settings: SearchSettings
) -> None:
    """Says with how many random points a Bayesian search begins.

    Args:
        oracle: reloaded, with the number that it had when it was saved.
        settings: of the search, which may ask for more trials than before.
    """
    if isinstance(oracle, BayesianOracle):
        oracle.num_initial_points = _random_points(settings)


def _random_points(settings: SearchSettings) -> int:
    return max(settings.trials // 3, 4)


def set_rounds(oracle: HyperbandOracle, rounds: int) -> None:
    """Says how often Hyperband goes through its brackets.

    It only ever ends in its last round, so not fewer than it has begun.

    Args:
        oracle: that may have begun.
        rounds: that are asked for.
    """
    begun = oracle._current_iteration + 1
    oracle.hyperband_iterations = max(rounds, begun)


def first_of(oracle: keras_tuner.Oracle, name: str) -> str:
    """Returns the trial that Hyperband drew, with which a later one goes on.

    Args:
        oracle: that has the trials, or asks a chief for them.
        name: of a trial.
    """
    values = oracle.get_trial(name).hyperparameters.values
    if _BEFORE in values:
        return first_of(oracle, values[_BEFORE])
    return name
