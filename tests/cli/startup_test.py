import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_tensorflow_starts_without_chatter():
    code = (
        "import os; os.environ.pop('TF_CPP_MIN_LOG_LEVEL', None)\n"
        "from shared_transformer_tf.cli import startup\n"
        "startup.import_tensorflow()\n"
        "import sys, tensorflow as tf\n"
        "tf.constant(1) + 1\n"
        "print('mine', file=sys.stderr)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert (result.stdout, result.stderr) == ("", "mine\n")


def test_what_is_no_chatter_is_shown():
    code = (
        "import os; os.environ['KERAS_BACKEND'] = 'absent'\n"
        "from shared_transformer_tf.cli import startup\n"
        "startup.import_tensorflow()\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 1
    assert "Unable to import backend" in result.stderr


def test_other_libraries_log_warnings_alone():
    code = (
        "from shared_transformer_tf.cli import startup\n"
        "startup.start_logging()\n"
        "from absl import logging\n"
        "logging.info('a fact')\n"
        "logging.warning('a warning')\n"
        "from shared_transformer_tf import errors\n"
        "exec(compile('logging.info(\"ours\")', errors.__file__, 'exec'))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    lines = [line.split("] ")[1] for line in result.stderr.splitlines()]
    assert lines == ["a warning", "ours"]
