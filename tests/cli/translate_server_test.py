"""`translate --server` hands lines and options on to the client."""

import importlib

import pytest

from shared_transformer_tf.cli import translate


@pytest.fixture
def fake_client(monkeypatch):
    made = []

    class Client:
        def __init__(self, address, asked, patience_seconds):
            made.append((address, asked, patience_seconds))

        def __call__(self, lines):
            return [[line.upper(), line] for line in lines]

        def exported_beams(self):
            return 12

    module = importlib.import_module("shared_transformer_tf.serving.client")
    monkeypatch.setattr(module, "Client", Client)
    return made


def test_one_line_out_for_each_line_in(fake_client, stdin, capfdbinary):
    stdin(b"a\n\nb")
    flags = ["--server=[::1]:85", "--num_best=2", "--server_seconds=7"]
    assert translate.main(["translate", *flags]) == 0
    assert capfdbinary.readouterr().out == b"A\ta\n\t\nB\tb\n"
    ((address, asked, seconds),) = fake_client
    assert (address, seconds) == ("[::1]:85", 7)
    assert (asked.name, asked.signature) == ("translator", "nbest")


def test_search_options_become_those_of_the_signature(fake_client, stdin):
    stdin(b"a\n")
    flags = ["--server=host:85", "--beam_size=2", "--alpha=0.5"]
    flags.append("--server_model=other")
    assert translate.main(["translate", *flags]) == 0
    ((_, asked, _),) = fake_client
    assert (asked.name, asked.signature) == ("other", "options")
    assert (asked.beam_size, asked.length_penalty) == (2, 0.5)


@pytest.mark.parametrize(
    ("beams", "alpha", "message"),
    [
        (50, 0.5, "--beam_size is 50, but the server's model searches with 12"),
        (13, 0.5, "--beam_size is 13"),
        (0, 0.5, "--beam_size is 0, expected at least 1"),
        (4, -1.0, "--alpha is -1.0, expected 0 to 100"),
        (4, "nan", "--alpha is nan"),
    ],
)
def test_what_the_exported_search_would_clip_is_refused(
    beams, alpha, message, fake_client, stdin, capfd
):
    stdin(b"a\n")
    flags = ["--server=host:85", f"--beam_size={beams}", f"--alpha={alpha}"]
    assert translate.main(["translate", *flags]) == 1
    captured = capfd.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    assert message in captured.err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--server=host:0"], "expected HOST:PORT"),
        (["--server=host:85000"], "expected HOST:PORT"),
        (["--server=:85"], "expected HOST:PORT"),
        (["--server=h:85", "--server_seconds=nan"], "--server_seconds is nan"),
        (["--server=h:85", "--server_seconds=inf"], "--server_seconds is inf"),
    ],
)
def test_what_would_never_answer_is_refused(flags, message, stdin, capfd):
    stdin(b"a\n")
    assert translate.main(["translate", *flags]) == 1
    assert message in capfd.readouterr().err


def test_the_beams_of_the_export_may_be_asked_for(fake_client, stdin):
    stdin(b"a\n")
    flags = ["--server=host:85", "--beam_size=12", "--alpha=0.5"]
    assert translate.main(["translate", *flags]) == 0
