"""Between updates: what is logged, measured, kept, and when it stops."""

import json
import types

import keras
import numpy as np
import pytest

from shared_transformer_tf.config import TrainingConfig
from shared_transformer_tf.training import callbacks, checkpoints, weights
from shared_transformer_tf.training.progress import (
    MetricsLog,
    TrainingProgress,
)


class Clock:
    """A `time.perf_counter` that goes only when told."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(
            callbacks,
            "time",
            types.SimpleNamespace(perf_counter=lambda: self.now),
        )


class Training:
    """Drives the callbacks by hand: an update is a second and ten tokens."""

    def __init__(self, tmp_path, clock, dev=(), **settings):
        self.clock = clock
        self.directory = str(tmp_path / "checkpoints")
        self.metrics = tmp_path / "metrics.jsonl"
        self.progress = TrainingProgress()
        self.model = keras.Sequential([keras.layers.Dense(2, name="dense")])
        self.model.build((None, 2))
        optimizer = {"use_ema": True, "ema_momentum": 0.5}
        self.model.compile(keras.optimizers.SGD(0.5, **optimizer))
        self.model.optimizer.build(self.model.trainable_variables)
        settings = TrainingConfig(**{"max_steps": 6, "log_every": 2} | settings)
        log = MetricsLog(str(self.metrics), str(tmp_path / "logs"))
        self.report = callbacks.ProgressReport(settings, self.progress, log)
        self.dev = iter(dev)
        self.keeper = callbacks.EvaluationAndCheckpoints(
            settings,
            self.progress,
            log,
            self.directory,
            self.evaluate,
            self.report,
        )
        for callback in (self.report, self.keeper):
            callback.set_model(self.model)

    def evaluate(self):
        self.clock.now += 50.0
        self.seen = weights.weight_variables(self.model)["dense/kernel"].numpy()
        return {"bleu": next(self.dev, 0.0), "chrf": 2.0, "loss": 1.0}

    def run(self, updates):
        self.model.stop_training = False
        self.report.on_train_begin()
        for batch in range(updates):
            self.clock.now += 1.0
            logs = {
                "gradient_norm": 0.5,
                "tokens": 10.0,
                "batch_loss": batch,
                "skipped": float(batch < 3),
                "loss_scale": 8.0,
            }
            self.report.on_train_batch_end(batch, logs)
            self.keeper.on_train_batch_end(batch, logs)
            if self.model.stop_training:
                break
        self.report.on_train_end()

    def records(self, kind):
        lines = self.metrics.read_text().splitlines()
        return [r for r in map(json.loads, lines) if r["kind"] == kind]

    def kept(self):
        found = checkpoints.list_checkpoints(self.directory)
        return [one.step for one in found]


@pytest.fixture
def start(tmp_path, monkeypatch):
    clock = Clock(monkeypatch)
    return lambda **settings: Training(tmp_path, clock, **settings)


def test_speed_leaves_evaluations_out(start):
    training = start(evaluate_every=3, dev=[1.0, 2.0])
    training.run(6)
    rates = [r["tokens_per_second"] for r in training.records("train")]
    assert rates == pytest.approx([10.0, 10.0, 10.0])
    assert training.progress.tokens == 60.0
    # of the time of the run they are a part, and of what is saved of it
    assert training.progress.seconds == pytest.approx(6 + 2 * 50)
    saved = checkpoints.list_checkpoints(training.directory)[-1]
    assert saved.progress["seconds"] == pytest.approx(6 + 2 * 50)


def test_speed_is_that_of_all_updates_since_the_last_but_a_first(start):
    training = start(log_every=4)
    training.run(3)  # then stopped; the trace of what goes on takes 90 s
    trace = training.clock
    training.report.on_train_begin()
    trace.now += 90.0
    logs = {
        "gradient_norm": 0.5, "tokens": 70.0, "batch_loss": 1.0,
        "skipped": 0.0, "loss_scale": 8.0,
    }  # fmt: skip
    training.report.on_train_batch_end(0, logs)
    (record,) = training.records("train")
    assert record["step"] == 4 and record["tokens"] == 100.0
    assert record["tokens_per_second"] == pytest.approx(10.0)
    assert training.progress.seconds == pytest.approx(3 + 90)


def test_time_left_goes_by_the_pace_since_this_start(start, caplog):
    training = start(max_steps=360, log_every=60)
    training.progress.step, training.progress.seconds = 180, 180 * 9.0
    with caplog.at_level("INFO"):
        training.run(120)
    left = [line.rsplit(", ", 1)[-1] for line in caplog.messages]
    assert left == ["2.0 minutes left", "1.0 minutes left"]


def test_where_every_update_is_a_first_its_own_speed_is_told(start):
    training = start(log_every=1)
    training.run(1)
    (record,) = training.records("train")
    assert record["tokens_per_second"] == pytest.approx(10.0)


def test_records_stand_at_their_steps_with_what_was_measured(start):
    training = start(evaluate_every=4, dev=[3.0, 5.0])
    training.run(6)
    assert [r["step"] for r in training.records("train")] == [2, 4, 6]
    valid = training.records("valid")
    assert [(r["step"], r["bleu"]) for r in valid] == [(4, 3.0), (6, 5.0)]
    assert [r["evaluation_seconds"] for r in valid] == [50.0, 50.0]
    assert {r["learning_rate"] for r in training.records("train")} == {0.5}


def test_records_say_what_was_skipped_since_the_last_one(start):
    training = start()
    training.run(5)
    records = training.records("train")
    assert [r["skipped"] for r in records] == [2, 1]
    assert training.progress.skipped == 0
    assert "loss_scale" not in records[0]


def test_float16_records_its_loss_scale(start):
    training = start(precision="mixed_float16")
    training.run(3)
    (record,) = training.records("train")
    assert record["loss_scale"] == 8.0
    # a stop keeps what was not told yet
    assert TrainingProgress(**training.progress.to_dict()).take_skipped() == 1


def test_the_last_update_is_evaluated_and_kept_whatever_the_intervals(start):
    training = start(max_steps=5, evaluate_every=100, save_every=100, dev=[4.0])
    training.run(9)
    assert training.progress.step == 5
    assert training.progress.finished
    assert training.kept() == [5]


def test_checkpoints_are_kept_by_interval_and_by_score(start):
    training = start(
        max_steps=8,
        save_every=1,
        evaluate_every=2,
        keep_best=2,
        keep_last=1,
        dev=[7.0, 9.0, 1.0, 2.0],
    )
    training.run(8)
    assert training.kept() == [2, 4, 8]
    assert training.progress.best_scores["bleu"] == 9.0


def test_evaluations_by_tokens_follow_no_updates(start):
    training = start(
        max_steps=9, evaluate_every=1, evaluate_every_tokens=25, save_every=100
    )
    training.run(9)
    # of 10 tokens each: the first at or above 25, 50, 75; the last is the end
    assert [r["step"] for r in training.records("valid")] == [3, 5, 8, 9]


def test_what_is_saved_tells_where_training_was(start):
    training = start(save_every=3, evaluate_every=100)
    training.run(4)
    (one,) = checkpoints.list_checkpoints(training.directory)
    assert (one.step, one.progress["step"], one.progress["tokens"]) == (
        3, 3, 30.0,
    )  # fmt: skip
    assert one.scores == {} and not one.progress["finished"]


def test_patience_stops_after_so_many_without_a_better_one(start):
    training = start(
        max_steps=50, evaluate_every=1, patience=2, dev=[1.0, 3.0, 2.0, 3.0]
    )
    training.run(50)
    assert training.progress.step == 4
    assert training.progress.finished
    (last,) = checkpoints.list_checkpoints(training.directory)[-1:]
    assert (last.step, last.progress["finished"]) == (4, True)


def test_no_patience_never_stops(start):
    training = start(max_steps=6, evaluate_every=1, patience=0)
    training.run(50)
    assert training.progress.step == 6


def test_the_average_is_measured_and_the_weights_come_back(start):
    training = start(evaluate_every=1, save_every=100)
    kernel = training.model.layers[0].kernel
    gradients = [np.ones_like(v) for v in training.model.trainable_variables]
    training.model.optimizer.apply(gradients)
    before = kernel.numpy()  # Keras' average begins with the first update
    training.model.optimizer.apply(gradients)
    after = kernel.numpy()
    training.run(1)
    np.testing.assert_allclose(training.seen, (before + after) / 2, atol=1e-6)
    np.testing.assert_array_equal(kernel.numpy(), after)


def test_the_weights_come_back_from_a_failed_evaluation(start):
    model = start().model
    gradients = [np.ones_like(v) for v in model.trainable_variables]
    model.optimizer.apply(gradients)
    after = model.layers[0].kernel.numpy()
    with pytest.raises(RuntimeError), callbacks.averaged_weights(model):
        raise RuntimeError("evaluation failed")
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), after)
