import os
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
        "import shared_transformer_tf, tensorflow, keras",
        "from shared_transformer_tf import uses; import keras",
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


def run_with_backend(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("backend", ["jax", "torch", "absent"])
def test_other_backends_are_refused_each_time_they_are_wanted(backend):
    code = (
        "import shared_transformer_tf as stt\n"
        "stt.Config, stt.SharingPlan\n"  # need no Keras
        "for name in ('Stack', 'SharedTransformer', 'train', 'Stack'):\n"
        "    try:\n"
        "        getattr(stt, name)\n"
        "    except stt.InputError as error:\n"
        "        print(error)\n"
    )
    done = run_with_backend(code, KERAS_BACKEND=backend)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    for line in lines:
        assert f"Keras is set to '{backend}'" in line
        assert "set KERAS_BACKEND=tensorflow" in line


def test_another_backend_that_is_loaded_already_is_refused():
    code = (
        "import keras\n"
        "keras.config.backend = lambda: 'jax'\n"  # as if it were installed
        "import shared_transformer_tf\n"
    )
    done = run_with_backend(code, KERAS_BACKEND="tensorflow")
    assert done.returncode == 1
    assert "set KERAS_BACKEND=tensorflow" in done.stderr.splitlines()[-1]


def test_an_empty_backend_is_the_default(tmp_path):
    code = "import shared_transformer_tf as stt; stt.Stack"
    home = str(tmp_path)  # without a keras.json
    done = run_with_backend(code, KERAS_BACKEND="", KERAS_HOME=home)
    assert done.returncode == 0, done.stderr
