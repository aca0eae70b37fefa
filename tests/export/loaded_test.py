import pytest
import tensorflow as tf

from shared_transformer_tf import errors
from shared_transformer_tf.export import loaded


def test_folder_without_an_export_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(errors.InputError, match="holds no exported model"):
            loaded.load_exported(path)


def test_newest_version_is_taken(tmp_path):
    for name in ("2", "10", "notes"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").touch()
    assert loaded._version_folder(tmp_path) == str(tmp_path / "10")
    assert loaded._version_folder(tmp_path / "2") == str(tmp_path / "2")


def test_broken_export_is_refused(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"not a model")
    with pytest.raises(errors.InputError, match="cannot be loaded"):
        loaded.load_exported(tmp_path)


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
