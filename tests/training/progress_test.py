"""The log of a run, and what counts as a better evaluation."""

import json

import pytest

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.training.progress import (
    MetricsLog,
    TrainingProgress,
)


def test_patience_counts_evaluations_without_a_better_one():
    progress = TrainingProgress()
    for bleu, expected in ((1.0, 0), (1.0, 1), (0.5, 2), (2.0, 0)):
        progress.note_scores({"bleu": bleu, "loss": 1.0})
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


def test_a_line_that_is_no_record_is_told(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("dear diary\n")
    with pytest.raises(InputError, match="dear diary"):
        MetricsLog(str(path), str(tmp_path / "logs"))
