"""The composition root of a search: from settings to results."""

import functools
import shutil
import time
from collections.abc import Sequence

from absl import logging

from shared_transformer_tf import experiment
from shared_transformer_tf.data import corpus
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study import vocabulary
from shared_transformer_tf.study.search import hparams, tuner, workers
from shared_transformer_tf.study.search.folder import (
    Outcome,
    SearchFolder,
    write_json,
)
from shared_transformer_tf.study.search.results import SearchResults
from shared_transformer_tf.study.search.settings import SearchSettings
from shared_transformer_tf.study.search.trial_run import Train
from shared_transformer_tf.training import strategies


def run(
    settings: SearchSettings,
    workdir: str,
    crew: tuple[int, Sequence[str]] = (1, ()),
    output: str = "",
    train: Train = experiment.train,
) -> SearchResults:
    """Searches, or goes on searching, in a folder.

    Args:
        settings: checked already.
        workdir: the folder of the search.
        crew: how many processes train at the same time, under a chief, each
            on processors of its own, and the command that starts one, which
            calls `work`; a single one needs none, it is this process.
        output: a file that gets a copy of `search.json`.
        train: trains a config in a run directory, in this process.

    Raises:
        InputError: if the folder is of another search or in use, the text is
            missing, or no trial reached the budget.
    """
    folder = SearchFolder(workdir)
    folder.check(settings)
    with folder.lock() as lock:
        folder.check(settings)
        if not folder.begun:
            # One that a stop has left may be of other settings.
            shutil.rmtree(folder.tokenizer, ignore_errors=True)
            config = settings.config  # before its vocabulary takes long
            corpus.load_split(config.data, "valid", config.training.seed)
            vocabulary.prepare(settings.config, folder.tokenizer)
            hparams.write_space(folder, settings)
            folder.begin(settings)
        report = SearchReport(folder, settings)
        if crew[0] > 1:
            workers.search(folder, settings, crew, lock, report.update)
        else:
            tuner.search(folder, settings, train, report.update)
        results = SearchResults.read(folder, settings)
        results.write(folder)
    if settings.oracle != "hyperband" and len(results.trials) < settings.trials:
        logging.warning(
            "%d of %d trials: the space has hardly any settings besides them.",
            len(results.trials),
            settings.trials,
        )
    if results.best is None:
        raise InputError(
            f"No trial of {len(results.trials)} reached the budget; "
            f"{folder.file('results.csv')} says why. Look at the config, or "
            "lower training.learning_rate."
        )
    if output:
        write_json(output, results.to_dict())
    return results


def on_devices(strategy: str, num_replicas: int) -> Train:
    """Returns what trains each trial over some devices of this machine.

    To be called before TensorFlow uses any.

    Args:
        strategy: one of `devices.STRATEGIES`.
        num_replicas: see `strategies.make_strategy`.

    Raises:
        InputError: if they are not there.
    """
    strategies.make_strategy(strategy, num_replicas)  # or it may be too late
    return functools.partial(
        experiment.train, strategy=strategy, num_replicas=num_replicas
    )


def work(
    settings: SearchSettings, workdir: str, train: Train = experiment.train
) -> None:
    """Trains trials for a chief until it has no more.

    Args:
        settings: of the search.
        workdir: the folder of the search.
        train: trains a config in a run directory.

    Raises:
        InputError: if the folder is of another search.
    """
    folder = SearchFolder(workdir)
    folder.check(settings)
    tuner.search(folder, settings, train)


class SearchReport:
    """Tells of the trials that ended, and keeps the results current.

    Args:
        folder: of the search.
        search: its settings.
    """

    def __init__(self, folder: SearchFolder, search: SearchSettings):
        self._folder = folder
        self._search = search
        self._start = time.monotonic()
        self._told = folder.outcomes()
        self._ended = 0
        for outcome in self._told:  # a stop may have come before that
            hparams.write_trial(folder, search, outcome)

    def update(self, expected: int) -> None:
        """Looks for trials that ended since.

        Args:
            expected: settings that are tried in all.
        """
        outcomes = self._folder.outcomes()
        new = [outcome for outcome in outcomes if outcome not in self._told]
        if not new:
            return
        self._told = outcomes
        self._ended += len(new)
        results = SearchResults.read(self._folder, self._search)
        results.write(self._folder)
        for outcome in new:
            hparams.write_trial(self._folder, self._search, outcome)
            logging.info("%s", self._line(outcome, results, expected))

    def _line(
        self, outcome: Outcome, results: SearchResults, expected: int
    ) -> str:
        name, best = self._search.objective, results.best
        done = len(results.trials)
        hours = (time.monotonic() - self._start) / self._ended / 3600
        rest = f"about {hours * max(expected - done, 0):.1f} hours left"
        facts = [
            f"Trial {outcome.trial} {outcome.status}"
            + (f" ({outcome.reason})" if outcome.reason else ""),
            f"dev {name} {_shown(outcome)} after {outcome.tokens:,} tokens",
            f"best {_shown(best)}" + (f" (trial {best.trial})" if best else ""),
            f"{done} of {expected} trials",
            # Hyperband's go on in turns, the better ones for longer.
            *([] if self._search.oracle == "hyperband" else [rest]),
        ]
        return "; ".join(facts) + "."


def _shown(outcome: Outcome | None) -> str:
    if outcome is None or outcome.score is None:
        return "none"
    return f"{outcome.score:.3f}"
