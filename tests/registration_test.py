import pathlib
import subprocess
import sys

import pytest

import shared_transformer_tf as stt

ROOT = pathlib.Path(__file__).resolve().parents[1]
_REGISTERED = (
    "assert 'shared_transformer_tf>SharedTransformer' in "
    "keras.saving.get_custom_objects()"
)


@pytest.mark.parametrize(
    "imports",
    [
        "import shared_transformer_tf, keras",
        "import keras, shared_transformer_tf",
        "import shared_transformer_tf as stt, sys; stt.Stack; import keras",
    ],
)
def test_keras_knows_our_classes_in_a_fresh_process(imports):
    done = subprocess.run(
        [sys.executable, "-c", f"{imports}; {_REGISTERED}"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_every_public_name_is_importable_and_listed():
    for name in stt.__all__:
        assert getattr(stt, name).__name__ == name
        assert name in dir(stt)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Transformer'"):
        stt.Transformer  # noqa: B018
