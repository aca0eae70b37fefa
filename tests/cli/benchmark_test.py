"""`benchmark` wants a subject and prints what was measured as JSON."""

import json

import pytest

from shared_transformer_tf.benchmark import training
from shared_transformer_tf.cli import benchmark
from shared_transformer_tf.errors import InputError


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Say one of attention, rules, train, decode, quantization, serve"),
        (["--rounds=3"], "Say one of attention, rules, train, decode"),
        (["speed"], "'speed'"),
        (["serve"], "--model is missing"),
        (["serve", "--model=/nowhere", "--source=x"], "no folder /nowhere"),
        (["decode", "--source=x"], "--workdir is missing"),
        (
            ["decode", "--source=x", "--workdir=a", "--workdir=b"],
            "decode takes one --workdir",
        ),
        (["attention", "more"], "'more'"),
        (["attention", "--parts=speed"], "attention does not read --parts"),
        (["serve", "--rounds=5"], "serve does not read --rounds"),
        (["--minutes=1", "decode"], "decode does not read --minutes"),
        (["attention", "--rounds=0"], "--rounds=0 is wrong"),
        (["train", "--parts=all"], "--parts=all is wrong"),
        (["train", "--parts=speed", "--peers=/nowhere"], "/nowhere/install"),
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
    for arguments in (["attention", "--rounds=3"], ["--rounds=3", "attention"]):
        assert benchmark.main(["benchmark", *arguments]) == 0
        assert json.loads(capsys.readouterr().out) == {"rounds": 3}


def test_what_is_measured_is_kept_when_the_rest_fails(
    capsys, monkeypatch, tmp_path
):
    def measure(contenders, rounds, steps):
        if measured:
            raise InputError("The contender 'two' ended by SIGKILL.")
        measured.append(contenders)
        return {"one": {"speed_ratio": 1.0}}

    measured = []
    monkeypatch.setattr(training, "measure", measure)
    output = tmp_path / "speed.json"
    flags = ["--parts=rules", "--parts=kept_memory", f"--output={output}"]
    assert benchmark.main(["benchmark", "train", *flags]) == 1
    assert "SIGKILL" in capsys.readouterr().err
    kept = json.loads(output.read_text())
    assert kept["rules"] == {"one": {"speed_ratio": 1.0}}


@pytest.mark.parametrize("part", ["rules", "kept_memory"])
def test_train_writes_what_it_prints_and_a_picture(
    capsys, monkeypatch, tmp_path, part
):
    group = {"float32": {"tokens_per_second": 9, "speed_ratio": 1.0}}
    monkeypatch.setattr(
        "shared_transformer_tf.benchmark.training.compare",
        lambda parts, *_: {"rounds": 1, **{part: group for part in parts}},
    )
    monkeypatch.setattr(
        "shared_transformer_tf.benchmark.matrix_product.gflops",
        lambda dtype: 100.0,
    )
    output = tmp_path / "new" / "speed.json"
    arguments = [f"--parts={part}", f"--output={output}"]
    assert benchmark.main(["benchmark", "train", *arguments]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed[part] == group and "depth" not in printed
    assert json.loads(output.read_text()) == printed
    assert output.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
