"""TensorBoard gets settings and score of every trial."""

import os

from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from shared_transformer_tf.study.search import hparams
from shared_transformer_tf.study.search.folder import Outcome, SearchFolder
from tests.study.fake_training import make_settings


def events(folder, name):
    path = os.path.join(folder.path, "hparams", name)
    found = event_accumulator.EventAccumulator(path)
    found.Reload()
    content = found.PluginTagToContent("hparams")
    data = plugin_data_pb2.HParamsPluginData()
    merged = plugin_data_pb2.HParamsPluginData()
    for value in content.values():
        data.ParseFromString(value)
        merged.MergeFrom(data)
    return found, merged


def test_the_space_and_the_last_word_on_each_trial_are_told(tmp_path):
    folder, search = SearchFolder(str(tmp_path)), make_settings()
    hparams.write_space(folder, search)
    _, told = events(folder, "space")
    names = [info.name for info in told.experiment.hparam_infos]
    assert names == [field.name for field in search.space.fields]
    assert told.experiment.metric_infos[0].name.tag == "bleu"

    values = {"training.learning_rate": 0.01, "model.dropout": 0.2}
    for score, tokens in ((1.0, 10), (2.0, 30)):
        outcome = Outcome("7", values, "stopped early", score, tokens=tokens)
        hparams.write_trial(folder, search, outcome)
    found, told = events(folder, "7")
    hps = told.session_start_info.hparams
    assert {name: hps[name].number_value for name in hps} == values
    (scalar,) = found.Tensors("bleu")
    assert scalar.step == 30


def test_a_trial_that_failed_has_no_score(tmp_path):
    folder, search = SearchFolder(str(tmp_path)), make_settings()
    hparams.write_trial(folder, search, Outcome("7", {}, "failed"))
    found, _ = events(folder, "7")
    assert "bleu" not in found.Tags()["tensors"]
