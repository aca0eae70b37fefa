import os
import shutil

import pytest
import tensorflow as tf

from shared_transformer_tf import errors
from shared_transformer_tf.export import loaded


def test_folder_without_an_export_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(errors.InputError, match="holds no exported model"):
            loaded.load_exported(path)


class Joiner(tf.Module):
    """Translates by appending a stored sum."""

    def __init__(self):
        super().__init__()
        self.weights = tf.Variable(tf.ones([1000]))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def translate(self, text):
        stored = tf.strings.as_string(tf.reduce_sum(self.weights), precision=0)
        return {"translation": text + stored}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports") / "1"
    joiner = Joiner()
    signatures = {"serving_default": joiner.translate}
    tf.saved_model.save(joiner, str(folder), signatures=signatures)
    return folder


DATA = "variables/variables.data-00000-of-00001"
INDEX = "variables/variables.index"


def cut(name, size):
    return lambda folder: os.truncate(folder / name, size)


@pytest.mark.parametrize(
    "damage",
    [
        cut("saved_model.pb", 0),
        cut("saved_model.pb", 500),
        lambda folder: (folder / "saved_model.pb").write_bytes(b"\x93" * 99),
        lambda folder: shutil.rmtree(folder / "variables"),
        lambda folder: (folder / DATA).unlink(),
        lambda folder: (folder / INDEX).unlink(),
        cut(DATA, 0),
        cut(DATA, 100),
        cut(INDEX, 0),
        cut(INDEX, 50),
        lambda folder: (folder / DATA).write_bytes(b"\xff" * 4200),
    ],
)
def test_damage_of_every_kind_is_one_line(damage, sound, tmp_path):
    assert loaded.load_exported(sound)(["a", ""]) == ["a1000", "1000"]
    folder = shutil.copytree(sound, tmp_path / "1")
    damage(folder)
    with pytest.raises(errors.InputError, match="cannot be loaded") as caught:
        loaded.load_exported(folder)
    message = str(caught.value)
    assert str(folder) in message and "export again" in message
    assert "\n" not in message


def test_foreign_saved_model_is_refused(tmp_path):
    class Doubler(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
        def __call__(self, x):
            return {"twice": 2 * x}

    doubler = Doubler()
    tf.saved_model.save(
        doubler, str(tmp_path), signatures={"serving_default": doubler.__call__}
    )
    with pytest.raises(errors.InputError, match="not one of text in"):
        loaded.load_exported(tmp_path)
