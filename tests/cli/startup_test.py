import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

from shared_transformer_tf import cpu, run_directory
from shared_transformer_tf.config import Config

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(code):
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True
    )


def test_a_cpu_that_tensorflow_cannot_use_is_told():
    code = (
        "from shared_transformer_tf import cpu, errors\n"
        "from shared_transformer_tf.cli import startup\n"
        "cpu.instructions = lambda: {'sse2', 'sse4_2'}\n"
        "try:\n"
        "    startup.import_tensorflow()\n"
        "except errors.InputError as error:\n"
        "    print(error)\n"
    )
    result = run(code)
    assert result.stdout.startswith("This CPU has no AVX instructions")


def test_tensorflow_starts_without_chatter():
    code = (
        "import os; os.environ.pop('TF_CPP_MIN_LOG_LEVEL', None)\n"
        "from shared_transformer_tf.cli import startup\n"
        "startup.import_tensorflow()\n"
        "import sys, tensorflow as tf\n"
        "tf.constant(1) + 1\n"
        "print('mine', file=sys.stderr)\n"
    )
    result = run(code)
    assert (result.stdout, result.stderr) == ("", "mine\n")


@pytest.mark.parametrize(
    ("to_train", "environment", "kept"),
    [
        (True, {}, True),
        (True, {"TF_CPU_ALLOCATOR_USE_BFC": "false"}, False),
        (False, {}, False),
    ],
)
def test_a_training_keeps_the_memory_of_tensors(to_train, environment, kept):
    code = (
        "from shared_transformer_tf.cli import startup\n"
        f"startup.import_tensorflow(to_train={to_train})\n"
        "import tensorflow as tf\n"
        "held = tf.ones([1000, 1000]) + 1\n"
        "told = tf.config.experimental.get_memory_info('CPU:0')\n"
        "assert told['current'] >= 4_000_000, told\n"
    )
    # oneDNN, which newer CPUs alone use by default, counts and keeps memory
    alone = {"CUDA_VISIBLE_DEVICES": "", "TF_ENABLE_ONEDNN_OPTS": "0"}
    names = cpu.kept_memory()
    others = {k: v for k, v in os.environ.items() if k not in names}
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=others | alone | environment,
        capture_output=True,
        text=True,
    )
    # TensorFlow counts what it keeps; the system's allocator does not count
    assert (result.returncode == 0) == kept, result.stderr
    told = "Allocator stats not available"
    assert (told in result.stderr) == (not kept), result.stderr


def test_what_is_no_chatter_is_shown(tmp_path):
    (tmp_path / "keras.py").write_text(
        "import os\n"
        "os.write(2, b'oneDNN custom operations are on.\\nA fact.\\n')\n"
        "raise RuntimeError('Keras is broken.')\n"
    )
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from shared_transformer_tf.cli import startup\n"
        "startup.import_tensorflow()\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 1
    assert result.stderr.startswith("A fact.\n")
    assert result.stderr.endswith("RuntimeError: Keras is broken.\n")


# Mistakes that the flags, the config of a run and the named files tell.
MISTAKES = {
    "evaluate --beam_size=0": "decoding.beam_size is 0",
    "evaluate --source=two": "--source and --reference go together",
    "evaluate --source=absent --reference=two": "no file absent",
    "evaluate --source=two --reference=one": "two has 2 lines but one has 1",
    "evaluate": "There is no test text",  # of the run
    "score --source=absent --target=two": "No such file.*absent",
    "score --source=two --target=one": "two has 2 lines and one 1",
    "translate --alpha=-1": "decoding.alpha is -1",
    "translate --num_best=6": "1 to the beam size, 5",
    "translate --num_best=3 --beam_size=2": "1 to the beam size, 2",
    "translate --model=x --workdir= --alpha=1": "--alpha cannot be set here",
    "translate --model=x --workdir= --sampling": "--sampling cannot be set",
    "translate --model=absent --workdir=": "absent holds no exported model",
    "export --max_length_factor=-1": "decoding.max_length_factor is -1",
    "export --reference=two": "--reference goes with --source",
    "export --source=absent": "no file absent",
    "export --source=two --reference=one": "two has 2 lines but one has 1",
    "export --format=ctranslate2 --length_penalty=gnmt": "not in CTranslate2",
}


def test_mistakes_are_told_before_tensorflow_is_imported(tmp_path):
    config = Config()
    config.data.corpus = "text"
    run_directory.RunDirectory(str(tmp_path / "run")).write_config(config)
    (tmp_path / "one").write_text("a\n")
    (tmp_path / "two").write_text("a\nb\n")
    code = (
        "import importlib, json, sys\n"
        "for line in json.loads(sys.argv[1]):\n"
        "    name, *flags = line.split()\n"
        "    kind = f'shared_transformer_tf.cli.{name}'\n"
        "    own = ['--output=out'] if name == 'export' else []\n"
        "    argv = [name, '--workdir=run', *own, *flags]\n"
        "    print(importlib.import_module(kind).main(argv))\n"
        "print('tensorflow' in sys.modules or 'keras' in sys.modules)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, json.dumps(list(MISTAKES))],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    told = result.stderr.splitlines()
    for line, words in zip(told, MISTAKES.values(), strict=True):
        assert line.startswith("Error: ") and re.search(words, line), line
    assert result.stdout == "1\n" * len(MISTAKES) + "False\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["train.py", "--workdir=never"],
        ["evaluate.py", "--workdir=RUN"],
        ["translate.py", "--workdir=RUN"],
        [
            "score.py",
            "--workdir=RUN",
            "--source=RUN/config.json",
            "--target=RUN/config.json",
        ],
        ["export.py", "--workdir=RUN", "--output=never"],
        ["benchmark.py", "attention"],
    ],
)
def test_another_backend_is_one_line(arguments, tmp_path, tmp_path_factory):
    run = tmp_path_factory.mktemp("run")
    run_directory.RunDirectory(str(run)).write_config(Config())
    script = str(ROOT / "bin" / arguments[0])
    flags = [flag.replace("RUN", str(run)) for flag in arguments[1:]]
    result = subprocess.run(
        [sys.executable, script, *flags],
        cwd=tmp_path,
        env={**os.environ, "KERAS_BACKEND": "jax"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert result.stdout == "" and result.stderr.count("\n") == 1
    assert "Keras is set to 'jax'" in result.stderr
    assert "KERAS_BACKEND=tensorflow" in result.stderr
    assert not list(tmp_path.iterdir())


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
