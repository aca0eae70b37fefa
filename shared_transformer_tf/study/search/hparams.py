"""A search in TensorBoard's HParams."""

import shutil

import tensorflow as tf
from tensorboard.plugins.hparams import api

from shared_transformer_tf.study.search.folder import Outcome, SearchFolder
from shared_transformer_tf.study.search.settings import SearchSettings
from shared_transformer_tf.study.search.space import SearchField

_FOLDER = "hparams"


def write_space(folder: SearchFolder, search: SearchSettings) -> None:
    """Tells TensorBoard the fields and the objective; once for a search."""
    path = folder.file(_FOLDER, "space")
    shutil.rmtree(path, ignore_errors=True)
    with _writer(path):
        api.hparams_config(
            hparams=[
                api.HParam(field.name, _domain(field))
                for field in search.space.fields
            ],
            metrics=[
                api.Metric(search.objective, display_name=search.objective),
                api.Metric("tokens", display_name="target tokens"),
                api.Metric("seconds", display_name="seconds"),
            ],
        )


def write_trial(
    folder: SearchFolder, search: SearchSettings, outcome: Outcome
) -> None:
    """Tells TensorBoard how a trial ended, in the place of what it knew."""
    path = folder.file(_FOLDER, outcome.trial)
    shutil.rmtree(path, ignore_errors=True)
    with _writer(path):
        api.hparams(outcome.settings, trial_id=outcome.trial)
        values = {"tokens": outcome.tokens, "seconds": outcome.seconds}
        if outcome.score is not None:
            values[search.objective] = outcome.score
        for name, value in values.items():
            tf.summary.scalar(name, value, step=outcome.tokens)


def _writer(path: str):
    return tf.summary.create_file_writer(path).as_default(step=0)


def _domain(field: SearchField) -> api.Domain:
    if field.choices:
        return api.Discrete(list(field.choices))
    return api.RealInterval(float(field.low), float(field.high))
