"""`serve` refuses in one line, at once, what it cannot serve."""

import socket

import pytest

from shared_transformer_tf import extras
from shared_transformer_tf.cli import serve


@pytest.fixture
def export(tmp_path):
    folder = tmp_path / "export"
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "saved_model.pb").touch()
    return folder


def refused(capsys, *flags):
    assert serve.main(["serve", *flags]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    return captured.err


def test_folders_without_a_version(export, tmp_path, capsys):
    for folder, message in (
        (tmp_path / "none", "no folder"),
        (export / "1", "folder above it"),
        (tmp_path, "holds no version"),
    ):
        assert message in refused(capsys, f"--model={folder}")


@pytest.mark.parametrize("flag", ["port", "rest_port"])
def test_a_port_in_use_is_told_before_the_model_is_loaded(flag, export, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        flags = {"port": 0, "rest_port": 0} | {flag: port}
        given = [f"--{name}={value}" for name, value in flags.items()]
        line = refused(capsys, f"--model={export}", *given)
    assert f"port {port}" in line and f"--{flag}; 0" in line


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--name=a/b", "--name is 'a/b'"),
        ("--port=70000", "--port is 70000, expected 0 to 65535"),
        ("--port=8501", "--rest_port and --port are both 8501"),
        ("--max_batch_size=0", "--max_batch_size is 0"),
        ("--deadline_seconds=nan", "--deadline_seconds is nan"),
        ("--host=no such host", "--host=no such host is no address"),
        ("--host=192.0.2.1", "Cannot listen at 192.0.2.1"),
    ],
)
def test_values_out_of_range(flag, message, export, capsys):
    assert message in refused(capsys, f"--model={export}", flag)


def test_missing_packages_are_named(export, capsys, monkeypatch):
    monkeypatch.setitem(extras.MODULES, "serving", ("aiohttp", "not_here"))
    line = refused(capsys, f"--model={export}")
    assert "(not_here)" in line and "[serving]" in line
