"""What a training refuses, before anything is written."""

import os

import pytest

from shared_transformer_tf import experiment
from shared_transformer_tf.data import corpus
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.run_directory import RunDirectory
from tests.experiment_test import records
from tests.small_run import small


def test_other_settings_are_refused_and_shown(copy):
    config = small(learning_rate=0.5)
    config.model.dropout = 0.3
    with pytest.raises(InputError) as error:
        experiment.train(config, copy)
    assert "training.learning_rate was 0.003, is 0.5" in str(error.value)
    assert "model.dropout was 0.1, is 0.3" in str(error.value)


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_run_does_not_go_on_with_other_text(copy, side, monkeypatch):
    before = corpus.load_split

    def changed(settings, split, seed):
        text = before(settings, split, seed)
        if split == "valid":
            getattr(text, side)[0] += " more"
        return text

    monkeypatch.setattr(corpus, "load_split", changed)
    with pytest.raises(InputError, match="dev text is another"):
        experiment.train(small(max_steps=13), copy)


def test_a_run_that_is_being_written_is_left_alone(copy):
    before = records(copy)
    with RunDirectory(copy).alone(), pytest.raises(InputError, match="Another"):
        experiment.train(small(max_steps=13), copy)
    assert records(copy) == before


def test_wrong_folders(tmp_path, trained):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="other files"):
        experiment.train(small(), str(tmp_path))
    assert os.listdir(tmp_path) == ["letter.txt"]


def test_nothing_is_written_where_the_input_is_wrong(tmp_path):
    config = small()
    config.tokenizer.vocabulary_size = 100_000
    with pytest.raises(InputError):
        experiment.train(config, str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()
