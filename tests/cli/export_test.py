"""`export` hands the run and the search on, and refuses in one line."""

import importlib
import os
import pathlib
import signal

import pytest

from shared_transformer_tf import errors
from shared_transformer_tf.cli import export
from shared_transformer_tf.export import parity_gate, versions


@pytest.fixture
def replace(monkeypatch):
    def by(function):
        saved_model = importlib.import_module(
            "shared_transformer_tf.export.saved_model"
        )
        monkeypatch.setattr(saved_model, "export_saved_model", function)

    return by


def test_export_prints_the_folder(fake_run, replace, capsys):
    calls = []

    def export_saved_model(*arguments, samples, origin):
        assert samples == ["a dev line"]
        assert origin.references == ["its translation"]
        assert origin.licence == "CC-BY-NC"
        calls.append(arguments)
        return "out/1"

    replace(export_saved_model)
    flags = ["--workdir=r", "--output=out", "--beam_size=3"]
    flags.append("--licence=CC-BY-NC")
    assert export.main(["export", *flags]) == 0
    assert capsys.readouterr().out == "out/1\n"
    ((model, _, output, options, max_length),) = calls
    assert (model, output, max_length) == ("model", "out", 128)
    assert options.beam_size == 3


def test_without_a_dev_set_other_lines_prove_it(
    fake_run, replace, capsys, tmp_path, monkeypatch
):
    def gone(number):
        raise errors.InputError("No file de/val.de.")

    monkeypatch.setattr(fake_run, "sample_pairs", gone)
    seen = []

    def export_saved_model(*arguments, samples, origin):
        seen.append((samples, list(origin.references)))
        return "out/1"

    replace(export_saved_model)
    flags = ["export", "--workdir=r", "--output=out"]
    assert export.main(flags) == 1
    error = capsys.readouterr().err
    assert "No file de/val.de." in error and "with --source" in error
    assert error.count("\n") == 1 and not seen
    (tmp_path / "a").write_text("one\ntwo\n")
    (tmp_path / "b").write_text("eins\nzwei\n")
    flags.append(f"--source={tmp_path / 'a'}")
    assert export.main(flags) == 0
    assert export.main([*flags, f"--reference={tmp_path / 'b'}"]) == 0
    reader, writer = os.pipe()  # which can be read once
    os.write(writer, b"one\ntwo\n")
    os.close(writer)
    flags[-1] = f"--source=/dev/fd/{reader}"
    assert export.main([*flags, f"--reference={tmp_path / 'b'}"]) == 0
    os.close(reader)
    flags[-1] = f"--source={tmp_path / 'a'}"
    pairs = (["one", "two"], ["eins", "zwei"])
    assert seen == [(["one", "two"], []), pairs, pairs]
    assert export.main([*flags[:3], f"--reference={tmp_path / 'b'}"]) == 1
    assert "goes with --source" in capsys.readouterr().err
    (tmp_path / "a").write_text(" \n\n")
    assert export.main(flags) == 1
    assert "has no line that is not blank" in capsys.readouterr().err
    assert len(seen) == 3
    onnx = [*flags, f"--reference={tmp_path / 'b'}", "--format=onnx"]
    assert export.main(onnx) == 1
    assert "which --format=onnx has none of" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [
        parity_gate.ParityError("'a' becomes 'b', but 'c' in memory."),
        errors.InputError("'a' becomes 'b', but 'c' in memory."),
    ],
)
def test_a_failed_export_is_one_line(error, fake_run, replace, capsys):
    def fail(*arguments, samples, origin):
        raise error

    replace(fail)
    assert export.main(["export", "--workdir=r", "--output=out"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "'a' becomes 'b', but 'c'" in captured.err
    assert captured.err.count("\n") == 1


def test_a_translation_that_differs_leaves_no_file(
    fake_run, monkeypatch, tmp_path, capsys
):
    saved_model = importlib.import_module(
        "shared_transformer_tf.export.saved_model"
    )

    def write(model, tokenizer, path, options, max_length):
        pathlib.Path(path).mkdir()

    def check(folder, *arguments):
        assert pathlib.Path(folder).is_dir()
        scores = {"a b": {}}
        parity_gate._check_batch(["a b"], ["wanted"], ["came"], scores)

    monkeypatch.setattr(saved_model, "_write", write)
    monkeypatch.setattr(parity_gate, "check", check)
    output = tmp_path / "new" / "output"
    assert export.main(["export", "--workdir=r", f"--output={output}"]) == 1
    captured = capsys.readouterr()
    line = captured.err.splitlines()[-1]
    assert line.startswith("Error: ") and captured.out == ""
    assert "'a b' to 'came'" in line and "to 'wanted'" in line
    assert f"Nothing was written into {output}" in line
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_after_sigterm(fake_run, replace, tmp_path):
    output = tmp_path / "output"

    def stopped(*arguments, samples, origin):
        with versions.next_version(output, "saved_model") as draft:
            pathlib.Path(draft.path).mkdir()
            signal.raise_signal(signal.SIGTERM)

    def not_taken(number, frame):
        raise AssertionError("The process would have ended here.")

    replace(stopped)
    before = signal.signal(signal.SIGTERM, not_taken)
    try:
        with pytest.raises(SystemExit) as caught:
            export.main(["export", "--workdir=r", f"--output={output}"])
        assert signal.getsignal(signal.SIGTERM) is not_taken
    finally:
        signal.signal(signal.SIGTERM, before)
    assert caught.value.code == 143
    assert not list(tmp_path.iterdir())


def test_a_bug_while_exporting_keeps_its_traceback(fake_run, replace):
    def fail(*arguments, samples, origin):
        raise RuntimeError("a bug")

    replace(fail)
    with pytest.raises(RuntimeError, match="a bug"):
        export.main(["export", "--workdir=r", "--output=out"])


def test_ctranslate2_gets_the_run_and_the_quantization(
    fake_run, monkeypatch, capsys
):
    folder = importlib.import_module(
        "shared_transformer_tf.export.ctranslate2_folder"
    )
    calls = []

    def export_ctranslate2(*arguments):
        calls.append(arguments)
        return "out/1"

    monkeypatch.setattr(folder, "export_ctranslate2", export_ctranslate2)
    flags = ["--workdir=r", "--output=out", "--format=ctranslate2"]
    assert export.main(["export", *flags, "--quantization=int8"]) == 0
    assert capsys.readouterr().out == "out/1\n"
    ((model, _, output, settings),) = calls
    assert (model, output) == ("model", "out")
    assert (settings.quantization, settings.max_length) == ("int8", 128)
    assert settings.sources == ["a dev line"]
    assert settings.references == ["its translation"]
    assert export.main(["export", *flags, "--length_penalty=gnmt"]) == 1
    assert "not in CTranslate2" in capsys.readouterr().err


def test_quantization_is_for_ctranslate2(capsys):
    flags = ["--workdir=r", "--output=out", "--quantization=int8"]
    assert export.main(["export", *flags]) == 1
    assert "goes with --format=ctranslate2" in capsys.readouterr().err


def test_a_missing_package_is_named(monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    flags = ["--workdir=r", "--output=out", "--format=ctranslate2"]
    assert export.main(["export", *flags]) == 1
    message = capsys.readouterr().err
    assert "pip install 'shared-transformer-tf[ctranslate2]'" in message


def test_output_is_wanted(capsys):
    assert export.main(["export", "--workdir=r"]) == 1
    assert "--output is missing" in capsys.readouterr().err
