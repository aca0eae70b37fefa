"""What happens between updates: logging, evaluation, checkpoints."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

import keras
import tqdm
from absl import logging

from shared_transformer_tf.config import TrainingConfig
from shared_transformer_tf.training import checkpoints, optimizers, weights
from shared_transformer_tf.training.progress import (
    MetricsLog,
    TrainingProgress,
)


class ProgressReport(keras.callbacks.Callback):
    """A progress bar on a terminal, else lines; records of loss and speed.

    Args:
        settings: of the training.
        progress: advanced here.
        log: takes the records.
    """

    def __init__(
        self,
        settings: TrainingConfig,
        progress: TrainingProgress,
        log: MetricsLog,
    ):
        super().__init__()
        self._settings = settings
        self._progress = progress
        self._log = log
        self._bar: tqdm.tqdm | None = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Draws the bar."""
        self._bar = tqdm.tqdm(
            total=self._settings.max_steps,
            initial=self._progress.step,
            unit="update",
            dynamic_ncols=True,
            mininterval=1.0,
            disable=not sys.stderr.isatty(),
        )
        self._last, self._traced = time.perf_counter(), False
        self._begun = self._progress.step, self._progress.seconds

    def on_train_batch_end(self, batch: int, logs: dict) -> None:
        """Counts an update; reports every `log_every` of them."""
        progress = self._progress
        progress.step += 1
        progress.note_loss(float(logs["batch_loss"]), float(logs["tokens"]))
        progress.skipped += int(logs["skipped"])
        seconds = self._lap()
        if self._traced:
            progress.timed_tokens += float(logs["tokens"])
            progress.timed_seconds += seconds
        self._traced = True
        self._bar.update()
        if progress.step % self._settings.log_every:
            return
        speed = progress.take_speed() or float(logs["tokens"]) / seconds
        rate = optimizers.last_rate(self.model.optimizer)
        values = {
            "loss": progress.take_loss(),
            "gradient_norm": float(logs["gradient_norm"]),
            "skipped": progress.take_skipped(),
            "learning_rate": rate,
            "tokens_per_second": speed,
            "tokens": progress.tokens,
            "seconds": progress.seconds,
        }
        if self._settings.precision == "mixed_float16":
            values["loss_scale"] = float(logs["loss_scale"])
        shown = (
            f"loss {values['loss']:.3f}, "
            f"{speed:,.0f} target tokens/s, "
            f"learning rate {rate:.2e}"
        )
        self._bar.set_postfix_str(shown)
        if self._bar.disable:  # no terminal: lines for a file
            self._log_line(shown)
        self._log.write("train", progress.step, values)
        self._last = time.perf_counter()

    def on_train_end(self, logs: dict | None = None) -> None:
        """Leaves the bar as it stands."""
        self._bar.close()

    def pause(self) -> None:
        """Leaves out of the speed what is not training."""
        self._lap()

    def _log_line(self, shown: str) -> None:
        progress, last = self._progress, self._settings.max_steps
        step, seconds = self._begun  # before it all may have been slower
        pace = (progress.seconds - seconds) / (progress.step - step)
        left = pace * (last - progress.step)
        logging.info(
            "Update %d of %d: %s, %.1f minutes left",
            progress.step,
            last,
            shown,
            left / 60,
        )

    def _lap(self) -> float:
        """Counts the time since the last one, and returns it in seconds."""
        now = time.perf_counter()
        seconds, self._last = now - self._last, now
        self._progress.seconds += seconds
        return seconds


class EvaluationAndCheckpoints(keras.callbacks.Callback):
    """Measures the dev set, keeps checkpoints, stops early.

    Args:
        settings: of the training.
        progress: of the training.
        log: takes the records.
        directory: of the checkpoints.
        evaluate: returns dev scores: `bleu`, `chrf` and `loss`.
        report: told of the time that this takes.
        stop: whether training is to save and end now.
    """

    def __init__(
        self,
        settings: TrainingConfig,
        progress: TrainingProgress,
        log: MetricsLog,
        directory: str,
        evaluate: Callable[[], dict[str, float]],
        report: ProgressReport,
        stop: Callable[[], bool] = lambda: False,
    ):
        super().__init__()
        self._settings = settings
        self._progress = progress
        self._log = log
        self._directory = directory
        self._evaluate = evaluate
        self._report = report
        self._stop = stop

    def on_train_batch_end(self, batch: int, logs: dict) -> None:
        """Evaluates and saves where it is time to."""
        settings, progress = self._settings, self._progress
        last = progress.step >= settings.max_steps
        scores: dict[str, float] = {}
        if last or self._is_time_to_evaluate(logs["tokens"]):
            scores = self._measure()
            progress.note_scores(scores, settings.best_by)
            self._report.pause()  # counted in what is saved
        out_of_patience = (
            settings.patience and progress.without_better >= settings.patience
        )
        if out_of_patience:
            logging.info(
                "No better dev %s in %d evaluations: stopping.",
                settings.best_by,
                progress.without_better,
            )
        progress.finished = bool(last or out_of_patience)
        stopped = self._stop()
        if (
            scores
            or stopped
            or progress.finished
            or progress.step % settings.save_every == 0
        ):
            self._save(scores)
        self._report.pause()
        if stopped or progress.finished:
            self.model.stop_training = True

    def _is_time_to_evaluate(self, tokens_of_update: float) -> bool:
        every = self._settings.evaluate_every_tokens
        if not every:
            return self._progress.step % self._settings.evaluate_every == 0
        before = self._progress.tokens - float(tokens_of_update)
        return self._progress.tokens // every > before // every

    def _measure(self) -> dict[str, float]:
        progress = self._progress
        start = time.perf_counter()
        with averaged_weights(self.model):
            scores = self._evaluate()
        record = scores | {
            "evaluation_seconds": time.perf_counter() - start,
            "tokens": progress.tokens,
            "seconds": progress.seconds,
        }
        self._log.write("valid", progress.step, record)
        with tqdm.tqdm.external_write_mode():
            logging.info(
                "Update %d: %s",
                progress.step,
                describe_scores(scores),
            )
        return scores

    def _save(self, scores: dict[str, float]) -> None:
        checkpoints.save(
            self._directory,
            self.model,
            self._progress.step,
            scores,
            self._progress.to_dict(),
        )
        checkpoints.prune(
            self._directory,
            self._settings.keep_best,
            self._settings.keep_last,
            self._settings.best_by,
        )


def describe_scores(scores: dict[str, float]) -> str:
    """Returns dev scores in a line, as the log shows them."""
    return (
        f"dev BLEU {scores['bleu']:.2f}, chrF {scores['chrf']:.2f}, "
        f"loss {scores['loss']:.3f}"
    )


@contextlib.contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Puts the moving average of the weights in their place for a while."""
    if not optimizers.unwrapped(model.optimizer).use_ema:
        yield
        return
    variables = weights.weight_variables(model)
    own = {name: variable.numpy() for name, variable in variables.items()}
    averages = weights.inference_weights(model)
    weights.assign_weights(model, averages, "the moving average")
    try:
        yield
    finally:
        weights.assign_weights(model, own, "the model")
