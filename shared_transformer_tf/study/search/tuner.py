"""A search by Keras Tuner, whose trials are trainings of this package."""

import math
import os
import time
from collections.abc import Callable
from typing import Any

import keras_tuner
from absl import logging
from keras_tuner.engine import base_tuner, trial

from shared_transformer_tf.data.tokenizer import Tokenizer
from shared_transformer_tf.study import vocabulary
from shared_transformer_tf.study.search import oracles
from shared_transformer_tf.study.search.folder import FAILED, SearchFolder
from shared_transformer_tf.study.search.settings import (
    HYPERBAND_PARTS,
    SearchSettings,
)
from shared_transformer_tf.study.search.space import SearchField, SearchSpace
from shared_transformer_tf.study.search.trial_run import Train, TrialRun

_IDLE_SECONDS = 1.0
# Hyperband's name of how far a trial goes.
_PARTS = "tuner/epochs"


class TrainingHyperModel(keras_tuner.HyperModel):
    """Declares a space to Keras Tuner; what it builds are settings.

    Args:
        space: that is searched.
    """

    def __init__(self, space: SearchSpace):
        super().__init__()
        self._space = space

    def build(self, hp: keras_tuner.HyperParameters) -> dict[str, Any]:
        """Returns the settings of a trial by `section.field`."""
        return {
            field.name: field.value(_declare(field, hp))
            for field in self._space.fields
        }


def _declare(field: SearchField, hp: keras_tuner.HyperParameters) -> Any:
    if field.choices:
        return hp.Choice(field.name, list(field.choices), default=field.default)
    kind = hp.Int if field.whole else hp.Float
    return kind(
        field.name, field.low, field.high, sampling="log", default=field.default
    )


class TrainingTuner(base_tuner.BaseTuner):
    """Runs the trials of a search in this process, and goes on with them.

    Where Keras Tuner's environment variables name a chief it asks that one
    for trials, else the oracle is its own.

    Args:
        folder: of the search.
        settings: of the search.
        train: trains a config in a run directory.
        ended: called after each trial with how many settings are expected
            in all, where the oracle is in this process.
    """

    def __init__(
        self,
        folder: SearchFolder,
        settings: SearchSettings,
        train: Train,
        ended: Callable[[int], None] = lambda expected: None,
    ):
        hypermodel = TrainingHyperModel(settings.space)
        declared = keras_tuner.HyperParameters()
        hypermodel.build(declared)
        oracle = oracles.make_oracle(settings, declared)
        rounds = getattr(oracle, "hyperband_iterations", None)
        super().__init__(
            oracle, hypermodel, directory=folder.path, project_name="oracle"
        )
        self._has_oracle = self.oracle is oracle
        if self._has_oracle and os.path.exists(folder.oracle_file):
            oracle.reload()
            oracles.set_random_points(oracle, settings)
            if rounds:  # more trials may be asked for than before, or fewer
                oracles.set_rounds(oracle, rounds)
        self._folder = folder
        self._settings = settings
        self._train = train
        self._ended = ended
        self._waits = False

    def save(self) -> None:
        """Saves the oracle, where it is in this process."""
        if self._has_oracle:
            self.oracle.save()

    def pre_create_trial(self) -> None:
        """Waits where the oracle had no trial to give just before."""
        if self._waits:
            time.sleep(_IDLE_SECONDS)
        self._waits = True

    def on_trial_begin(self, trial: trial.Trial) -> None:
        """Notes that there was a trial."""
        self._waits = False

    def run_trial(self, trial: trial.Trial) -> dict[str, float]:
        """Trains a trial, or goes on with it.

        Returns:
            The score. A trial that failed gets that of a model that knows
            nothing, so that the oracle stays away from there.
        """
        values = trial.hyperparameters.values
        part = values.get(_PARTS, HYPERBAND_PARTS) / HYPERBAND_PARTS
        run = TrialRun(
            self._folder,
            self._settings,
            oracles.first_of(self.oracle, trial.trial_id),
            self.hypermodel.build(trial.hyperparameters),
            self._settings.budget_tokens * part,
        )
        logging.info(
            "Trial %s: %s",
            run.name,
            ", ".join(f"{n}={value}" for n, value in run.settings.items()),
        )
        try:
            outcome = run.finish(self._train)
        except Exception as error:
            # Keras Tuner would go on after any other one.
            raise keras_tuner.errors.FatalError(str(error)) from error
        # One that was stopped early counts with the score that it had then.
        score = self._ignorance() if outcome.status == FAILED else outcome.score
        return {self._settings.objective: score}

    def on_trial_end(self, trial: trial.Trial) -> None:
        """Tells the oracle, and who wants to know."""
        super().on_trial_end(trial)
        if self._has_oracle:
            self._ended(oracles.expected_trials(self.oracle))

    def _ignorance(self) -> float:
        if self._settings.objective == "bleu":
            return 0.0
        named = vocabulary.use(self._settings.config, self._folder.tokenizer)
        tokenizer = Tokenizer.from_config((), (), named.tokenizer)
        return math.log(tokenizer.target_vocabulary_size)


def search(
    folder: SearchFolder,
    settings: SearchSettings,
    train: Train,
    ended: Callable[[int], None] = lambda expected: None,
) -> None:
    """Does a search, or what is left of it, in this process.

    Args:
        folder: begun already.
        settings: of the search.
        train: trains a config in a run directory.
        ended: see `TrainingTuner`.

    Raises:
        Exception: whatever a trial raised besides divergence.
    """
    try:
        TrainingTuner(folder, settings, train, ended).search()
    except keras_tuner.errors.FatalError as error:
        raise error.__cause__ or error from None
