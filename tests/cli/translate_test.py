"""`translate` answers each line with one line, whatever is in it."""

import importlib

import pytest

from shared_transformer_tf.cli import translate

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


def test_translate_with_an_export(monkeypatch, stdin, capfdbinary, tmp_path):
    loaded = importlib.import_module("shared_transformer_tf.export.loaded")

    def load_exported(path):
        assert path == str(tmp_path)
        return lambda lines: [line.upper() for line in lines]

    monkeypatch.setattr(loaded, "load_exported", load_exported)
    (tmp_path / "saved_model.pb").touch()
    stdin(b"a\n\nb")
    assert translate.main(["translate", f"--model={tmp_path}"]) == 0
    assert capfdbinary.readouterr().out == b"A\n\nB\n"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--workdir=nowhere"], "nowhere holds no run"),
        (["--workdir=a", "--model=b"], "one of --workdir"),
        (["--workdir=a", "--server=h:1"], "one of --workdir"),
        (["--workdir=a", "--server_seconds=1"], "needs --server"),
        (["--server=host"], "expected HOST:PORT"),
        (["--server=h:1", "--sampling"], "--sampling cannot be set with"),
        (["--server=h:1", "--checkpoint=c"], "--checkpoint cannot be set"),
        (["--server=h:1", "--batch_sentences=3"], "--batch_sentences cannot"),
        (["--server=h:1", "--beam_size=3"], "--beam_size and --alpha go"),
        (["--model=b", "--beam_size=3"], "--beam_size cannot be set"),
        (["--model=b", "--num_best=3"], "--num_best cannot be set"),
        (["--workdir=a", "--beam_size=0"], "decoding.beam_size is 0"),
        (["--workdir=a", "--alpha=nan"], "decoding.alpha is nan"),
        (["--workdir=a", "--num_best=6"], "1 to the beam size, 5"),
        (["--workdir=a", "--num_best=2", "--beam_size=1"], "beam size, 1"),
        (["--workdir=a", "--top_k=2"], "--top_k needs --sampling"),
        (["--workdir=a", "--sampling", "--num_best=2"], "--num_samples"),
        (["--workdir=a", "--sampling", "--top_p=2"], "top_p is 2"),
        (["--workdir=a", "--sampling", "--beam_size=2"], "leave it out with"),
        (["--workdir=a", "--sampling", "--alpha=0"], "--alpha is for the"),
        (["--workdir=a", "--sampling", "--length_penalty=gnmt"], "for the se"),
        (["--workdir=a", "--sampling", "--coverage_penalty=1"], "for the se"),
    ],
)
@pytest.mark.parametrize("text", [b"a\n", b""])
def test_translate_refuses(flags, message, text, fake_run, stdin, capsys):
    stdin(text)
    assert translate.main(["translate", *flags]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err and captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--num_best=0"], "--num_best is 0, expected 1 to"),
        (["--num_best=-1"], "--num_best is -1, expected 1 to"),
        (["--sampling", "--temperature=inf"], "temperature is inf, expected"),
    ],
)
def test_wrong_numbers_are_refused_before_the_run_is_loaded(
    flags, message, monkeypatch, capsys
):
    monkeypatch.delattr(translate.startup, "import_tensorflow")
    assert translate.main(["translate", "--workdir=r", *flags]) == 1
    line = capsys.readouterr().err
    assert message in line
    assert line.count("\n") == 1


def test_each_chunk_of_samples_has_its_own_seed(
    fake_run, stdin, capfdbinary, monkeypatch
):
    monkeypatch.setattr(translate, "_SAMPLED_LINES", 2)
    stdin(b"a\nb\nc\n")
    assert translate.main(["translate", "--workdir=r", "--sampling"]) == 0
    assert capfdbinary.readouterr().out == b"a0\nb0\nc1\n"


def test_an_export_wants_no_other_settings(stdin, capsys):
    for flag in ("--checkpoint=last", "--sampling", "--alpha=1"):
        stdin(b"")
        assert translate.main(["translate", "--model=folder", flag]) == 1
        line = capsys.readouterr().err
        assert flag.split("=")[0] in line and "use --workdir" in line
