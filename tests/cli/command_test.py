import importlib
import pathlib
import subprocess
import sys

import pytest

from shared_transformer_tf import errors
from shared_transformer_tf.cli import command

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Each with the flag that it cannot do without.
COMMANDS = dict.fromkeys(
    ("train", "evaluate", "translate", "score", "export", "tune"), "workdir"
)
COMMANDS["serve"] = "model"
COMMANDS["study"] = "config"
COMMANDS["prepare"] = "source"

each_command = pytest.mark.parametrize("name", COMMANDS)


def run(name, *arguments):
    module = importlib.import_module(f"shared_transformer_tf.cli.{name}")
    return module.main([name, *arguments])


def one_line_of(capsys):
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


@each_command
@pytest.mark.parametrize("flag", ["--help", "-h", "--helpfull"])
def test_help_lists_every_flag(name, flag, capsys):
    assert run(name, flag) == 0
    out = capsys.readouterr().out
    assert f"python bin/{name}.py" in out
    assert f"--{COMMANDS[name]}\n" in out


@each_command
def test_help_of_the_script_does_not_load_tensorflow(name):
    code = (
        "import sys, runpy\n"
        f"sys.argv = ['{name}.py', '--help']\n"
        "try:\n"
        f"    runpy.run_path('bin/{name}.py', run_name='__main__')\n"
        "except SystemExit as stop:\n"
        "    assert stop.code == 0\n"
        "slow = {'tensorflow', 'keras', 'numpy'} & sys.modules.keys()\n"
        "sys.exit(f'loaded {slow}' if slow else 0)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_help_of_train_lists_config_fields_and_defaults(capsys):
    assert run("train", "--help") == 0
    out = capsys.readouterr().out
    assert "--config.data.batch_tokens=4096" in out
    assert "--config.model.normalization=pre  (pre, post)" in out


@each_command
def test_wrong_flag_names_the_closest(name, capsys):
    flag = COMMANDS[name]
    assert run(name, f"--{flag[:2]}{flag[3:]}=x") == 1
    assert f"--{flag}" in one_line_of(capsys)


@pytest.mark.parametrize("value", ["true", "1"])
def test_a_negated_flag_takes_no_value(value, capsys):
    assert run("evaluate", "--workdir=r", f"--nojson={value}") == 1
    line = one_line_of(capsys)
    assert "nojson" in line and "Write --NAME=false" in line


def test_flag_that_resembles_none_lists_the_valid_ones(capsys):
    assert run("score", "--zzzz=1") == 1
    line = one_line_of(capsys)
    assert all(f"--{name}" in line for name in ("workdir", "source", "target"))


@each_command
def test_missing_flags_and_stray_arguments_are_refused(name, capsys):
    assert run(name) == 1
    assert f"--{COMMANDS[name]}" in one_line_of(capsys)
    assert run(name, "stray") == 1
    assert "'stray'" in one_line_of(capsys)


@pytest.mark.parametrize(
    ("name", "flag", "valid"),
    [
        ("train", "--strategy=all", "none"),
        ("export", "--format=tflite", "saved_model"),
        ("translate", "--length_penalty=other", "gnmt, power"),
        ("evaluate", "--beam_size=many", "expected an integer"),
        ("translate", "--alpha=x=y: z", "--alpha=x=y: z is wrong"),
    ],
)
def test_wrong_value_tells_the_valid_ones(name, flag, valid, capsys):
    assert run(name, "--workdir=none", flag) == 1
    assert valid in one_line_of(capsys)


@pytest.mark.parametrize(
    ("error", "code", "shown"),
    [
        (errors.InputError("Wrong\nvalue."), 1, "Error: Wrong value."),
        (FileNotFoundError(2, "No such file", "x.txt"), 1, "x.txt"),
        (OSError("disk is full"), 1, "Error: disk is full"),
        (KeyboardInterrupt(), 130, "Stopped."),
    ],
)
def test_mistakes_are_one_line_and_an_exit_code(error, code, shown, capsys):
    def fail(values):
        raise error

    assert command.run("doc", lambda values: None, fail, ["name"]) == code
    assert shown in one_line_of(capsys)


def test_a_bug_keeps_its_traceback():
    def fail(values):
        raise KeyError("bug")

    with pytest.raises(KeyError):
        command.run("doc", lambda values: None, fail, ["name"])


def test_reader_that_goes_away_is_no_error():
    code = (
        "import sys\n"
        "from shared_transformer_tf.cli import command\n"
        "def main(values):\n"
        "    for _ in range(100000): print('line')\n"
        "sys.exit(command.run('doc', lambda v: None, main, ['name']))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141
