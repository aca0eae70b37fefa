"""A vocabulary is trained once, and named by every config."""

import os

import pytest

from shared_transformer_tf.data.tokenizer import Tokenizer
from shared_transformer_tf.run_directory import RunDirectory
from shared_transformer_tf.study import vocabulary
from tests.small_run import small


@pytest.mark.parametrize("joint", [True, False])
def test_what_is_prepared_is_what_is_used(tmp_path, monkeypatch, joint):
    config = small()
    config.tokenizer.joint = joint
    config.tokenizer.vocabulary_size = 80
    config.model.tied_embeddings = "all" if joint else "decoder"
    directory = str(tmp_path / "tokenizer")
    (tmp_path / "tokenizer.partial").mkdir()  # left by a kill
    vocabulary.prepare(config, directory)
    named = vocabulary.use(config, directory)
    named.validate()
    assert not config.tokenizer.source_model
    found = Tokenizer.from_config([], [], named.tokenizer)
    assert found.source_model == Tokenizer.load(directory).source_model
    assert found.joint == joint
    assert sorted(os.listdir(tmp_path)) == ["tokenizer", "tokenizer.lock"]

    # wherever the folder is moved, a run goes on
    run = RunDirectory(str(tmp_path / "run"))
    assert vocabulary.use_in(run, config, directory) == named
    run.write_config(named)
    moved = vocabulary.use_in(run, config, str(tmp_path / "elsewhere"))
    assert moved == named

    # but not with the vocabulary of before in place of one that is named
    other = vocabulary.use(config, str(tmp_path / "other"))
    assert vocabulary.use_in(run, other, directory) == other

    def train(*arguments):
        raise AssertionError("a second time")

    monkeypatch.setattr(Tokenizer, "from_config", train)
    vocabulary.prepare(config, directory)
    vocabulary.prepare(named, str(tmp_path / "other"))
    assert vocabulary.use(named, "elsewhere") == named
