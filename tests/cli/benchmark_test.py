"""`benchmark` wants a subject and prints what was measured as JSON."""

import json

import pytest

from shared_transformer_tf.cli import benchmark


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Say one of attention"),
        (["--rounds=3"], "Say one of attention"),
        (["speed"], "'speed'"),
        (["attention", "more"], "'more'"),
        (["attention", "--rounds=0"], "--rounds=0 is wrong"),
    ],
)
def test_the_command_wants_a_subject(arguments, message, capsys):
    assert benchmark.main(["benchmark", *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err and captured.err.count("\n") == 1


def test_help_lists_flags_and_subjects(capsys):
    assert benchmark.main(["benchmark", "--help"]) == 0
    out = capsys.readouterr().out
    assert "--rounds" in out and "attention" in out


def test_the_command_prints_json(capsys, monkeypatch):
    monkeypatch.setattr(
        "shared_transformer_tf.benchmark.attention.compare_attention",
        lambda rounds: {"rounds": rounds},
    )
    assert benchmark.main(["benchmark", "attention", "--rounds=3"]) == 0
    assert json.loads(capsys.readouterr().out) == {"rounds": 3}
