"""One trial of a search: its training, and when that is not worth going on."""

import contextlib
import dataclasses
import gc
import logging
from collections.abc import Callable, Iterator
from math import isfinite
from typing import Any

import keras
import tensorflow as tf

from shared_transformer_tf.config import Config
from shared_transformer_tf.errors import DivergedError
from shared_transformer_tf.run_directory import RunDirectory
from shared_transformer_tf.study import vocabulary
from shared_transformer_tf.study.cell import learning_curve
from shared_transformer_tf.study.search.folder import (
    COMPLETED,
    FAILED,
    STOPPED,
    Outcome,
    SearchFolder,
)
from shared_transformer_tf.study.search.settings import SearchSettings

# Trains a config in a run directory, or goes on there, until what `enough`
# says of the dev scores of an evaluation: `experiment.train`.
Train = Callable[..., None]

# The rule of the median says nothing with fewer others, nor before half of
# the budget: until then a long warm-up and dropout look worse than they are.
LEAST_OTHERS = 4
SPARED_PART = 1 / 2
MOST_DEATHS = 2


@dataclasses.dataclass(frozen=True)
class TrialRun:
    """A trial, which may have been begun before.

    Attributes:
        folder: of the search.
        search: its settings.
        name: of the trial.
        settings: value of each searched field.
        tokens: target tokens after which it has to stop: the budget, or a
            rung of Hyperband's before it.
    """

    folder: SearchFolder
    search: SearchSettings
    name: str
    settings: dict[str, Any]
    tokens: float

    def finish(self, train: Train) -> Outcome:
        """Trains as far as it takes, and keeps how it ended.

        Args:
            train: trains a config in a run directory.
        """
        before = self.folder.outcome(self.name)
        if before is not None and self._is_final(before):
            return before
        outcome = self._train(train)
        self.folder.write_outcome(outcome)
        return outcome

    def _is_final(self, outcome: Outcome) -> bool:
        rung_is_left = outcome.tokens < self.tokens
        return not (
            self.search.oracle == "hyperband"
            and outcome.status == STOPPED
            and rung_is_left
        )

    def _train(self, train: Train) -> Outcome:
        deaths = self.folder.deaths().get(self.name, 0)
        if deaths >= MOST_DEATHS:
            return self._outcome(FAILED, f"{deaths} workers died in it")
        reason = self._reason_to_stop(self._curve())
        if not reason:
            # The models of earlier trials are not needed any more.
            keras.backend.clear_session()
            gc.collect()
            try:
                reason = self._reason_of(train)
            except DivergedError as error:
                return self._outcome(FAILED, f"diverged: {error}")
            except tf.errors.ResourceExhaustedError as error:
                return self._outcome(FAILED, f"out of memory: {error.message}")
        curve = self._curve()
        reason = reason or self._reason_to_stop(curve)
        if not reason:
            raise RuntimeError(
                f"Trial {self.name} ended before its budget, for no reason."
            )
        if curve[-1]["tokens"] >= self.search.budget_tokens:
            return self._outcome(COMPLETED, "")
        return self._outcome(STOPPED, reason)

    def _reason_of(self, train: Train) -> str:
        """Trains; why it was enough, which later others may not confirm."""
        reasons = [""]

        def enough(scores: dict[str, float]) -> bool:
            reasons.append(self._reason_to_stop([*self._curve(), scores]))
            return bool(reasons[-1])

        with _traced_anew():
            train(self._config(), self.folder.trial(self.name), enough=enough)
        return reasons[-1]

    def _reason_to_stop(self, curve: learning_curve.Curve) -> str:
        """Why a trial with such a curve does not go on; empty if it does."""
        if not curve:
            return ""
        tokens, budget = curve[-1]["tokens"], self.search.budget_tokens
        if tokens >= self.tokens:
            return f"not promoted after {tokens / budget:.0%} of the budget"
        if self.search.oracle == "hyperband" or tokens < SPARED_PART * budget:
            return ""
        name, sign = self.search.objective, self.search.sign
        if learning_curve.is_below_median(
            curve, self._other_curves(), name, sign, LEAST_OTHERS
        ):
            return f"below the median after {tokens / budget:.0%} of the budget"
        return ""

    def _other_curves(self) -> list[learning_curve.Curve]:
        return [
            self._curve(outcome.trial)
            for outcome in self.folder.outcomes()
            if outcome.trial != self.name and outcome.status != FAILED
        ]

    def _curve(self, name: str | None = None) -> learning_curve.Curve:
        run = RunDirectory(self.folder.trial(name or self.name))
        return learning_curve.read(run.metrics_file)

    def _config(self) -> Config:
        return vocabulary.use_in(
            RunDirectory(self.folder.trial(self.name)),
            self.search.trial_config(self.settings),
            self.folder.tokenizer,
        )

    def _outcome(self, status: str, reason: str) -> Outcome:
        curve = self._curve()
        if not curve:
            return Outcome(self.name, self.settings, status, reason=reason)
        last = curve[-1]
        told = {name: last[name] for name in ("bleu", "chrf", "loss")}
        scores = {name: told[name] for name in told if isfinite(told[name])}
        if status != FAILED and len(scores) < len(told):
            (name, *_) = told.keys() - scores.keys()
            status, reason = FAILED, f"dev {name} is {told[name]}"
        return Outcome(
            self.name,
            self.settings,
            status,
            score=None if status == FAILED else last[self.search.objective],
            reason=reason,
            tokens=round(last["tokens"]),
            updates=last["step"],
            seconds=round(last["seconds"], 1),
            scores=scores,
        )


@contextlib.contextmanager
def _traced_anew() -> Iterator[None]:
    """TensorFlow's warnings that functions are traced often are left out.

    It counts those of one model and the next as the same.
    """

    def is_other(record: logging.LogRecord) -> bool:
        return "triggered tf.function retracing" not in str(record.msg)

    logger = logging.getLogger("tensorflow")
    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)
