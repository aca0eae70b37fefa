"""The log of a run, and what counts as a better evaluation."""

import json
import math

import pytest
import tensorflow as tf
from tensorboard.backend.event_processing import plugin_event_accumulator

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.training.progress import (
    MetricsLog,
    TrainingProgress,
)


def test_the_loss_is_a_mean_over_tokens_of_finite_batches():
    progress = TrainingProgress()
    for loss, tokens in ((1.0, 10.0), (float("nan"), 7.0), (4.0, 30.0)):
        progress.note_loss(loss, tokens)
    progress = TrainingProgress(**json.loads(json.dumps(progress.to_dict())))
    assert progress.tokens == 47.0
    assert progress.take_loss() == (10 + 120) / 40
    progress.note_loss(2.0, 5.0)
    assert progress.take_loss() == 2.0
    progress.note_loss(math.inf, 5.0)
    assert math.isnan(progress.take_loss())  # not a loss of 0


def test_bytes_that_are_no_text_are_told(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"kind": "train", "step": 1}\n\xff\xfe\n')
    with pytest.raises(InputError, match="has a line that is no record"):
        MetricsLog(str(path), str(tmp_path / "logs"), last_step=2)


def test_patience_counts_evaluations_without_a_better_one():
    progress = TrainingProgress()
    for bleu, expected in ((1.0, 0), (1.0, 1), (0.5, 2), (2.0, 0)):
        progress.note_scores({"bleu": bleu, "loss": 1.0}, "bleu")
        assert progress.without_better == expected
    assert progress.best_scores["bleu"] == 2.0
    assert TrainingProgress(**progress.to_dict()) == progress


def test_records_after_the_checkpoint_are_dropped(tmp_path):
    path = tmp_path / "metrics.jsonl"
    log = MetricsLog(str(path), str(tmp_path / "logs"))
    for step in (1, 2, 3):
        log.write("train", step, {"loss": 0.5})
    path.write_text(path.read_text() + '{"kind": "train", "st')  # cut short
    MetricsLog(str(path), str(tmp_path / "logs"), last_step=2)
    lines = path.read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2]


def test_tensorboard_shows_what_it_is_given_of_a_record(tmp_path):
    log = MetricsLog(str(tmp_path / "metrics.jsonl"), str(tmp_path / "logs"))
    assert log.read("uses") == []
    log.write("uses", 3, {"norms": [1.0, 2.0]}, {"a": {"norms/1": 1.0}})
    (record,) = log.read("uses")
    assert (record["step"], record["norms"]) == (3, [1.0, 2.0])
    assert log.read("train") == []
    events = plugin_event_accumulator.EventAccumulator(str(tmp_path / "logs"))
    assert events.Reload().Tags()["tensors"] == ["uses/a/norms/1"]


def test_a_line_that_is_no_record_is_told(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("dear diary\n")
    with pytest.raises(InputError, match="dear diary"):
        MetricsLog(str(path), str(tmp_path / "logs"))


def drawn(folder):
    """What TensorBoard draws, as pairs of step and value."""
    events = plugin_event_accumulator.EventAccumulator(str(folder)).Reload()
    return [
        (event.step, float(tf.make_ndarray(event.tensor_proto)))
        for event in events.Tensors("train/loss")
    ]


def write(tmp_path, last_step, steps, loss):
    """Writes as one process; files of one second would have no order."""
    path, logs = tmp_path / "metrics.jsonl", tmp_path / "logs"
    before = set(logs.glob("*"))
    log = MetricsLog(str(path), str(logs), last_step)
    for step in steps:
        log.write("train", step, {"loss": loss})
    for file in set(logs.glob("*")) - before:
        name = file.name.split(".")
        name[3] = f"{len(before):010d}"
        file.rename(logs / ".".join(name))


@pytest.mark.parametrize(
    ("last_step", "kept"), [(3, [1, 2, 3]), (2, [1, 2]), (0, [])]
)
def test_tensorboard_draws_lost_updates_once(last_step, kept, tmp_path):
    write(tmp_path, 0, [1, 2, 3], loss=0.5)
    again = list(range(last_step + 1, 6))
    write(tmp_path, last_step, again, loss=0.25)
    expected = [(step, 0.5) for step in kept] + [(s, 0.25) for s in again]
    assert drawn(tmp_path / "logs") == expected


def test_lost_updates_that_are_not_reached_again_are_not_drawn(tmp_path):
    write(tmp_path, 0, [1, 2, 3], loss=0.5)
    write(tmp_path, 1, [], loss=0.25)
    assert drawn(tmp_path / "logs") == [(1, 0.5)]


def test_two_stops_keep_what_each_had(tmp_path):
    write(tmp_path, 0, [1, 2, 3], loss=0.5)
    write(tmp_path, 2, [3, 4, 5], loss=0.25)
    write(tmp_path, 4, [5, 6], loss=0.125)
    assert drawn(tmp_path / "logs") == [
        (1, 0.5), (2, 0.5), (3, 0.25), (4, 0.25), (5, 0.125), (6, 0.125),
    ]  # fmt: skip
