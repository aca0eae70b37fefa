"""One vocabulary for all cells of a task or trials of a search."""

import dataclasses
import os
import shutil

from shared_transformer_tf import file_lock
from shared_transformer_tf.config import Config
from shared_transformer_tf.data import corpus
from shared_transformer_tf.data.tokenizer import Tokenizer
from shared_transformer_tf.run_directory import RunDirectory


def prepare(config: Config, directory: str) -> Config:
    """Trains the vocabulary of a config into a folder, if none is there.

    Several processes may ask at once: the first trains it, the others wait.

    Args:
        config: of any training that takes the vocabulary.
        directory: of the vocabulary.

    Returns:
        The config, naming the vocabulary's files.

    Raises:
        InputError: if the text is missing or too small.
    """
    if config.tokenizer.source_model:
        return config
    os.makedirs(os.path.dirname(directory), exist_ok=True)
    with file_lock.waited_for(f"{directory}.lock"):
        if not os.path.isdir(directory):
            _train(config, directory)
    return use(config, directory)


def _train(config: Config, directory: str) -> None:
    text = corpus.load_split(config.data, "train", config.training.seed)
    tokenizer = Tokenizer.from_config(
        text.source, text.target, config.tokenizer
    )
    beside = f"{directory}.partial"
    shutil.rmtree(beside, ignore_errors=True)
    tokenizer.save(beside)
    os.rename(beside, directory)


def use(config: Config, directory: str) -> Config:
    """Returns a config that takes the vocabulary of `prepare`."""
    if config.tokenizer.source_model:
        return config
    if config.tokenizer.joint:
        files = {"source_model": os.path.join(directory, "joint.model")}
    else:
        files = {
            f"{side}_model": os.path.join(directory, f"{side}.model")
            for side in ("source", "target")
        }
    tokenizer = dataclasses.replace(config.tokenizer, **files)
    return dataclasses.replace(config, tokenizer=tokenizer)


def use_in(run: RunDirectory, config: Config, directory: str) -> Config:
    """Returns `use`; where a run was begun, with the place of then.

    A run has its own copy, so the folder around all may have been moved. A
    vocabulary that the config itself names stays that one.
    """
    named = use(config, directory)
    if run.exists and not config.tokenizer.source_model:
        before = run.read_config().tokenizer
        files = {
            name: getattr(before, name)
            for name in ("source_model", "target_model")
        }
        tokenizer = dataclasses.replace(named.tokenizer, **files)
        named = dataclasses.replace(named, tokenizer=tokenizer)
    return named
