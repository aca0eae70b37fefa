"""One vocabulary for all trials of a search, trained once."""

import dataclasses
import os
import shutil

from shared_transformer_tf.config import Config
from shared_transformer_tf.data import corpus
from shared_transformer_tf.data.tokenizer import Tokenizer


def prepare(config: Config, directory: str) -> None:
    """Trains the vocabulary of a config into a folder, if none is there.

    Raises:
        InputError: if the text is missing or too small.
    """
    if config.tokenizer.source_model or os.path.isdir(directory):
        return
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
