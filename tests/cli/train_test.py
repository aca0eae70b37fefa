"""`train` hands config, folder and strategy on, after checking them."""

import importlib
import os
import pathlib
import subprocess
import sys

import pytest

from shared_transformer_tf.cli import train

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "flag", ["data.directory=mine", "data.test_target=t.de"]
)
def test_text_that_nothing_reads_is_refused(flag, tmp_path, capsys):
    argv = ["train", f"--workdir={tmp_path / 'run'}", f"--config.{flag}"]
    assert train.main(argv) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    name = flag.partition("=")[0]
    assert f"--config.{name} is set, but data.corpus='numbers'" in error
    assert not list(tmp_path.iterdir())


def test_train_passes_config_workdir_and_strategy_on(monkeypatch, tmp_path):
    calls = []
    experiment = importlib.import_module("shared_transformer_tf.experiment")
    monkeypatch.setattr(experiment, "train", lambda *a: calls.append(a))
    monkeypatch.setattr(os, "environ", os.environ.copy())
    os.environ.pop("TF_CPU_ALLOCATOR_USE_BFC", None)
    code = train.main(
        [
            "train",
            "--config.training.max_steps=7",
            f"--workdir={tmp_path}",
            "--config=multi30k_shared",
            "--config.data.corpus=numbers",
            "--config.model.hidden_dim",
            "64",
        ]
    )
    assert code == 0
    ((config, workdir, strategy, num_replicas),) = calls
    assert config.training.max_steps == 7
    assert (config.model.hidden_dim, config.model.num_blocks) == (64, 2)
    assert (workdir, strategy) == (str(tmp_path), "none")
    assert num_replicas == 0
    assert os.environ["TF_CPU_ALLOCATOR_USE_BFC"] == "true"


def test_numbers_is_the_config_where_none_is_named(monkeypatch):
    calls = []
    experiment = importlib.import_module("shared_transformer_tf.experiment")
    monkeypatch.setattr(experiment, "train", lambda *a: calls.append(a))
    assert train.main(["train", "--workdir=x"]) == 0
    ((config, *_),) = calls
    assert config.data.corpus == "numbers"
    assert config.tokenizer.vocabulary_size == 200


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--config.model.num_heads=3", "model.num_heads=3 does not divide"),
        ("--config.training.learning_rate=inf", "learning_rate is inf"),
        ("--config.model.sharing=cycle", "num_blocks"),
    ],
)
def test_a_wrong_config_is_told_before_tensorflow_starts(argument, message):
    code = (
        "import sys\n"
        "from shared_transformer_tf.cli import train\n"
        f"code = train.main(['train', '--workdir=never', {argument!r}])\n"
        "slow = {'tensorflow', 'keras', 'numpy'} & sys.modules.keys()\n"
        "sys.exit(f'loaded {slow}' if slow else code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert message in done.stderr and done.stderr.count("\n") == 1
