"""The commands on text, with a run that needs no training."""

import importlib
import io
import json
import sys
import types

import pytest

from shared_transformer_tf import config as config_lib
from shared_transformer_tf import errors, experiment
from shared_transformer_tf.cli import evaluate, export, score, translate


class UpperCase:
    """A translator whose translation is the line in capitals."""

    def __init__(self, options):
        self.options = options

    def __call__(self, lines, num_best=1):
        if num_best == 1:
            return [line.upper() for line in lines]
        return [[line.upper()] * num_best for line in lines]

    def sample(self, lines, options, seed):
        return [
            [(f"{line}{seed}", -1.0)] * options.num_samples for line in lines
        ]

    def score(self, sources, targets):
        pairs = zip(sources, targets, strict=True)
        return [-float(len(a) + len(b)) for a, b in pairs]


class Run:
    """What `experiment.load_run` returns, as far as commands look at it."""

    def __init__(self):
        self.config = config_lib.Config()
        self.model = "model"
        self.tokenizer = types.SimpleNamespace(
            encode_target=lambda lines: [line.split() for line in lines]
        )
        self.checkpoint_name = "average"
        self.asked = []

    def sample_lines(self):
        return ["a dev line"]

    def translator(self, options=None):
        self.asked.append(options)
        return UpperCase(options)


@pytest.fixture
def fake_run(monkeypatch):
    run = Run()

    def load_run(workdir, checkpoint=""):
        if workdir == "nowhere":
            raise errors.InputError("nowhere holds no run.")
        return run

    monkeypatch.setattr(experiment, "load_run", load_run)
    return run


@pytest.fixture
def stdin(monkeypatch):
    def give(data):
        stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(data)))
        monkeypatch.setattr(sys, "stdin", stream)

    return give


HARD_LINES = b"\n a b \n\xff\xfe\n\t\n\xe2\x80\xa8x\ny\rz\nlast"


def test_translate_answers_every_line(fake_run, stdin, capfdbinary):
    stdin(HARD_LINES)
    assert translate.main(["translate", "--workdir=run"]) == 0
    out = capfdbinary.readouterr().out
    assert out.count(b"\n") == 7
    assert out.split(b"\n")[6] == b"LAST"


def test_translate_gives_n_best_on_one_line(fake_run, stdin, capfdbinary):
    stdin(b"a\n\nb\n")
    assert translate.main(["translate", "--workdir=r", "--num_best=2"]) == 0
    assert capfdbinary.readouterr().out == b"A\tA\n\t\nB\tB\n"


def test_translate_samples(fake_run, stdin, capfdbinary):
    stdin(b"a\nb\n")
    flags = ["--sampling", "--num_samples=2", "--seed=5", "--top_k=3"]
    assert translate.main(["translate", "--workdir=r", *flags]) == 0
    assert capfdbinary.readouterr().out == b"a5\ta5\nb5\tb5\n"


def test_search_flags_override_the_config(fake_run, stdin):
    stdin(b"")
    flags = ["--beam_size=2", "--alpha=0.3", "--length_penalty=power"]
    assert translate.main(["translate", "--workdir=r", *flags]) == 0
    (options,) = fake_run.asked
    assert (options.beam_size, options.alpha) == (2, 0.3)
    assert options.length_penalty == "power"
    assert options.max_length_factor == 1.5


def test_translate_with_an_export(monkeypatch, stdin, capfdbinary):
    loaded = importlib.import_module("shared_transformer_tf.export.loaded")
    monkeypatch.setattr(loaded, "load_exported", lambda path: UpperCase(None))
    stdin(b"a\n\nb")
    assert translate.main(["translate", "--model=folder"]) == 0
    assert capfdbinary.readouterr().out == b"A\n\nB\n"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--workdir=nowhere"], "nowhere holds no run"),
        (["--workdir=a", "--model=b"], "one of --workdir"),
        (["--model=b", "--beam_size=3"], "--beam_size cannot be set"),
        (["--model=b", "--num_best=3"], "--num_best cannot be set"),
        (["--workdir=a", "--beam_size=0"], "decoding.beam_size is 0"),
        (["--workdir=a", "--top_k=2"], "--top_k needs --sampling"),
        (["--workdir=a", "--sampling", "--num_best=2"], "--num_samples"),
        (["--workdir=a", "--sampling", "--top_p=2"], "top_p is 2"),
    ],
)
def test_translate_refuses(flags, message, fake_run, stdin, capsys):
    stdin(b"a\n")
    assert translate.main(["translate", *flags]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err and captured.err.count("\n") == 1


def write(path, data):
    path.write_bytes(data)
    return str(path)


def test_score_answers_every_line(fake_run, tmp_path, capfdbinary):
    source = write(tmp_path / "source", HARD_LINES)
    target = write(tmp_path / "target", HARD_LINES + b"\n")
    flags = ["--workdir=r", f"--source={source}", f"--target={target}"]
    assert score.main(["score", *flags]) == 0
    out = capfdbinary.readouterr().out.splitlines()
    assert len(out) == 7
    assert out[:2] == [b"-0.000000", b"-10.000000"]


def test_score_refuses_unequal_counts(fake_run, tmp_path, capsys):
    source = write(tmp_path / "source", b"a\nb\n")
    target = write(tmp_path / "target", b"a\n")
    flags = ["--workdir=r", f"--source={source}", f"--target={target}"]
    assert score.main(["score", *flags]) == 1
    err = capsys.readouterr().err
    assert "has 2 lines" in err and err.count("\n") == 1
    flags[-1] = "--target=absent.txt"
    assert score.main(["score", *flags]) == 1
    assert "absent.txt" in capsys.readouterr().err


def test_evaluate_prints_scores_and_json(fake_run, tmp_path, capsys):
    source = write(tmp_path / "s", b"one two three four\nfive six\n")
    reference = write(tmp_path / "r", b"ONE TWO THREE FOUR\nother\n")
    flags = ["--workdir=r", f"--source={source}", f"--reference={reference}"]
    assert evaluate.main(["evaluate", "--json", *flags]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["exact"] == 50.0
    assert (result["sentences"], result["tokens"]) == (2, 6)
    assert {"bleu", "chrf", "ter", "signatures", "seconds"} <= set(result)
    assert evaluate.main(["evaluate", *flags]) == 0
    out = capsys.readouterr().out
    assert "BLEU" in out and "tok:13a" in out and "50.00" in out


def test_evaluate_takes_the_test_split(fake_run, capsys):
    fake_run.config.data.numbers_test = 30
    assert evaluate.main(["evaluate", "--workdir=r", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sentences"] == 30


def test_evaluate_wants_both_files(fake_run, capsys):
    assert evaluate.main(["evaluate", "--workdir=r", "--source=x"]) == 1
    assert "go together" in capsys.readouterr().err


def test_export_prints_the_folder(fake_run, monkeypatch, capsys):
    saved_model = importlib.import_module(
        "shared_transformer_tf.export.saved_model"
    )
    calls = []

    def export_saved_model(*arguments, samples):
        assert samples == ["a dev line"]
        calls.append(arguments)
        return "out/1"

    monkeypatch.setattr(saved_model, "export_saved_model", export_saved_model)
    flags = ["--workdir=r", "--output=out", "--beam_size=3"]
    assert export.main(["export", *flags]) == 0
    assert capsys.readouterr().out == "out/1\n"
    ((model, _, output, options, max_length),) = calls
    assert (model, output, max_length) == ("model", "out", 128)
    assert options.beam_size == 3
