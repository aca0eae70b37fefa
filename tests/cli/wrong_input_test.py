"""Wrong input as a user meets it: one line, exit code 1, nothing lost."""

import importlib
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys

import numpy as np
import pytest

from shared_transformer_tf.cli import train
from shared_transformer_tf.training import array_files, checkpoints
from tests import counted_updates

ROOT = pathlib.Path(__file__).resolve().parents[2]
SMALL = [
    f"--config.{name}"
    for name in (
        "data.numbers_train=300",
        "data.numbers_valid=12",
        "data.numbers_test=12",
        "data.batch_tokens=256",
        "data.num_buckets=3",
        "tokenizer.vocabulary_size=120",
        "model.num_layers=2",
        "model.sharing=universal",
        "model.hidden_dim=16",
        "model.intermediate_dim=16",
        "training.max_steps=4",
        "training.warmup_steps=2",
        "training.evaluate_every=2",
        "training.save_every=2",
        "training.deterministic=False",
    )
]
TEXT = ["--config.data.corpus=text", "--config.data.directory=text"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    with pytest.MonkeyPatch.context() as patch:
        counted_updates.use(patch)
        assert train.main(["train", *SMALL, f"--workdir={folder}"]) == 0
    return folder


@pytest.fixture
def run(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "run")


@pytest.fixture
def text(tmp_path):
    """A folder of two splits; the vocabulary has to be small."""
    (tmp_path / "text").mkdir()
    for split in ("train", "val"):
        for language, line in (("en", "a b c d\n"), ("de", "e f g h\n")):
            (tmp_path / f"text/{split}.{language}").write_text(line * 20)
    return tmp_path / "text"


def contents(folder):
    return {
        str(path.relative_to(folder)): path.is_file() and path.read_bytes()
        for path in folder.rglob("*")
    }


def mistake(code, out, err, logged=False):
    """Checks how a command ended; returns its one line."""
    assert (code, out) == (1, ""), err
    *log, line = err.splitlines()
    assert line.startswith("Error: ") and "Traceback" not in err
    assert len(line) > 40
    log = [one for one in log if not re.match(r"[IW]\d{4} ", one)]
    assert not log and (logged or err.count("\n") == 1), err
    return line


def script(name, *arguments, cwd, limit=None, logged=False):
    """Runs `bin/NAME.py`; files may grow to `limit` bytes."""

    def limit_files():
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        [sys.executable, str(ROOT / "bin" / f"{name}.py"), *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        preexec_fn=limit_files,
        check=False,
    )
    return mistake(done.returncode, done.stdout, done.stderr, logged)


def here(capsys, name, *arguments, logged=False):
    """Runs the command in this process."""
    module = importlib.import_module(f"shared_transformer_tf.cli.{name}")
    capsys.readouterr()
    code = module.main([name, *arguments])
    return mistake(code, *capsys.readouterr(), logged)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["model.num_layer=3"], "'model.num_layer'.*mean model.num_layers"),
        (["training.max_steps=many"], "max_steps=many is wrong.* int"),
        (["model.activation=tanh"], "activation is 'tanh'.*relu, gelu, silu"),
        (["training.learning_rate=nan"], "learning_rate is nan.*finite"),
        (["model.num_heads=5"], "num_heads=5 does not divide.*Heads that do"),
        (["model.sharing=0 0 1"], "has 3 entries, but `num_layers` is 2"),
        (
            ["model.sharing=0 2", "model.num_blocks=2"],
            "out of range: .*indices are 0 to 1",
        ),
        (
            ["model.sharing=sequence", "model.num_blocks=3"],
            "not fit `num_blocks`=3. Valid `num_blocks`.*1 .0 0., 2 .0 1.",
        ),
    ],
)
def test_a_wrong_config(flags, words, tmp_path):
    fields = [f"--config.{flag}" for flag in flags]
    line = script("train", *fields, "--workdir=run", cwd=tmp_path)
    assert re.search(words, line), line
    assert not contents(tmp_path)


def cut_line(folder):
    (folder / "train.de").write_text("e f g h\n" * 19)


def latin(folder):
    (folder / "train.de").write_bytes(b"gut\n" * 6 + b"gr\xfcn\n" * 14)


@pytest.mark.parametrize(
    ("damage", "flags", "words"),
    [
        (
            lambda folder: (folder / "val.de").unlink(),
            [],
            ["no valid text", "text/val.de", "--config.data.valid_target="],
        ),
        (
            lambda folder: None,
            ["--config.data.train_source=absent.txt"],
            ["There is no file absent.txt", "one sentence per line"],
        ),
        (cut_line, [], ["train.en has 20 lines", "train.de has 19"]),
        (latin, [], ["text/train.de, line 7: byte 0xfc", "iconv"]),
        (
            lambda folder: None,
            ["--config.tokenizer.vocabulary_size=9000"],
            ["tokenizer.vocabulary_size is 9000", "at most"],
        ),
    ],
)
def test_wrong_text(damage, flags, words, text, tmp_path, capsys, monkeypatch):
    damage(text)
    before = contents(tmp_path)
    monkeypatch.chdir(tmp_path)
    line = here(capsys, "train", *TEXT, *flags, "--workdir=run")
    assert all(word in line for word in words), line
    assert contents(tmp_path) == before


def test_a_changed_config_of_a_run(run):
    before = contents(run.parent)
    changes = ["--config.model.dropout=0.2", "--config.data.batch_tokens=300"]
    arguments = [*SMALL, *changes, "--workdir=run"]
    line = script("train", *arguments, cwd=run.parent)
    assert "model.dropout was 0.1, is 0.2" in line
    assert "data.batch_tokens was 256, is 300" in line
    assert "another --workdir" in line
    assert contents(run.parent) == before


def test_a_full_disk_while_a_checkpoint_is_written(run):
    """The system ends the write as a full disk would."""
    before = contents(run / "checkpoints")
    smallest = min(len(data) for data in before.values() if data)
    weights = run / "checkpoints/step_0000004" / checkpoints.WEIGHTS
    limit = 16_000
    assert smallest < limit < weights.stat().st_size
    arguments = [*SMALL, "--config.training.max_steps=6", "--workdir=run"]
    line = script("train", *arguments, cwd=run.parent, limit=limit, logged=True)
    assert "checkpoints/step_0000006 could not be written" in line
    assert "make room" in line and "start the same command again" in line
    assert contents(run / "checkpoints") == before


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("evaluate", []),
        ("translate", []),
        ("score", ["--source={0}", "--target={0}"]),
        ("export", ["--output={0}.export"]),
    ],
)
@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_without_a_run(name, flags, exists, tmp_path, capsys):
    (tmp_path / "lines.txt").write_text("one\n")
    folder = tmp_path / "folder"
    if exists:
        folder.mkdir()
        (folder / "notes.txt").write_text("mine")
    before = contents(tmp_path)
    flags = [flag.format(tmp_path / "lines.txt") for flag in flags]
    line = here(capsys, name, f"--workdir={folder}", *flags)
    assert f"No run in '{folder}'" in line and "no config.json" in line
    assert contents(tmp_path) == before


def test_a_truncated_checkpoint(run, capsys):
    path = run / "checkpoints/step_0000004" / checkpoints.WEIGHTS
    os.truncate(path, path.stat().st_size // 2)
    before = contents(run)
    for flags in ([], ["--checkpoint=last"]):
        line = here(capsys, "evaluate", f"--workdir={run}", *flags)
        assert f"{path} is damaged" in line and "another checkpoint" in line
    assert contents(run) == before


def foreign(path):
    """Gives a sound checkpoint a weight of another shape."""
    file = path / checkpoints.WEIGHTS
    manifest = path / checkpoints.MANIFEST
    values = json.loads(manifest.read_text())
    checksums = values["checksums"]
    arrays = array_files.read_arrays(str(file), checksums[file.name])
    name = sorted(arrays)[0]
    arrays[name] = np.concatenate([arrays[name], arrays[name]])
    checksums[file.name] = array_files.write_arrays(str(file), arrays)
    manifest.write_text(json.dumps(values))
    return name


def test_a_checkpoint_of_another_model(run, capsys):
    name = foreign(run / "checkpoints/step_0000004")
    before = contents(run)
    line = here(capsys, "evaluate", f"--workdir={run}", "--checkpoint=last")
    assert f"another model: {name} has shape" in line
    line = here(capsys, "evaluate", f"--workdir={run}")  # the average of two
    assert "is of another model than" in line and "delete the one" in line
    assert contents(run) == before


def test_training_does_not_go_on_from_another_model(run, capsys):
    foreign(run / "checkpoints/step_0000004")
    before = contents(run)
    steps = "--config.training.max_steps=6"
    line = here(capsys, "train", *SMALL, steps, f"--workdir={run}", logged=True)
    assert "step_0000004 is of another model" in line
    assert contents(run) == before


def test_an_unknown_checkpoint(run, capsys):
    line = here(capsys, "evaluate", f"--workdir={run}", "--checkpoint=first")
    assert "--checkpoint=first is not in" in line
    assert "Valid: step_0000002, step_0000004, last, average, best." in line


def test_an_output_folder_of_something_else(run, tmp_path, capsys):
    output = tmp_path / "output"
    (output / "1").mkdir(parents=True)
    (output / "notes.txt").write_text("mine")
    before = contents(tmp_path)
    flags = [f"--workdir={run}", f"--output={output}"]
    line = here(capsys, "export", *flags)
    assert "holds 'notes.txt'" in line and "new or empty folder" in line
    flags[1] = f"--output={output / 'notes.txt'}"
    line = here(capsys, "export", *flags)
    assert "is a file; give a folder" in line
    assert contents(tmp_path) == before
