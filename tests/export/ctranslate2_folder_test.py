import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

from shared_transformer_tf import config, errors
from shared_transformer_tf.decoding import translator
from shared_transformer_tf.export import (
    ctranslate2_folder,
    ctranslate2_gate,
    ctranslate2_translator,
    loaded,
    parity_gate,
)
from tests.export import exported, memorized

SETTINGS = ctranslate2_folder.Settings(
    decoding=dataclasses.replace(exported.OPTIONS, length_penalty="power"),
    max_length=exported.MAX_LENGTH,
    sources=exported.VARIED,
    references=memorized.TARGETS,
)


@pytest.fixture(scope="module", autouse=True)
def patient_search():
    """So few lines were learned that odd ones have no clear translation."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ctranslate2_translator, "PATIENCE", 10.0)
        yield


@pytest.fixture(scope="module")
def tokenizer():
    return exported.make_tokenizer()


@pytest.fixture(scope="module")
def model(tokenizer):
    return memorized.make_model(tokenizer)


def export(model, tokenizer, output, **changes):
    settings = dataclasses.replace(SETTINGS, **changes)
    return ctranslate2_folder.export_ctranslate2(
        model, tokenizer, output, settings
    )


@pytest.fixture(scope="module")
def output(model, tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports") / "new"
    assert export(model, tokenizer, folder) == str(folder / "1")
    return folder


def facts_of(version):
    return json.loads((pathlib.Path(version) / "metadata.json").read_text())


def assert_translates_like_the_model_in_memory(model, tokenizer, folder):
    in_memory = translator.Translator(
        model, tokenizer, SETTINGS.decoding, exported.MAX_LENGTH
    )
    lines = [*exported.TRICKY, *exported.VARIED, "lone \udcff surrogate", "two"]
    expected = in_memory(lines)
    assert len(set(expected)) > 4
    assert loaded.load_exported(folder)(lines) == expected
    facts = facts_of(folder / "1")
    for side in ("source", "target"):
        stored = (folder / "1" / facts[f"{side}_tokenizer"]).read_bytes()
        assert stored == getattr(tokenizer, f"{side}_model")


def test_one_vocabulary(model, tokenizer, output):
    assert_translates_like_the_model_in_memory(model, tokenizer, output)


def test_two_vocabularies(tmp_path, monkeypatch):
    tokenizer = exported.make_tokenizer(joint=False)
    model = memorized.make_model(tokenizer)
    whole = tmp_path / "whole"
    export(model, tokenizer, whole)
    assert_translates_like_the_model_in_memory(model, tokenizer, whole)
    assert_says_how_to_call_it(model, whole)
    assert_readme_can_be_followed(whole)
    rounded = export_rounded("int8", model, tokenizer, tmp_path, monkeypatch)
    assert_takes_less(rounded, whole, "int8")


def test_folder_says_how_to_call_it(model, output):
    assert_says_how_to_call_it(model, output)


def assert_says_how_to_call_it(model, folder):
    facts = facts_of(folder / "1")
    assert facts["weights"] == sum(
        weight.numpy().size for weight in model.trainable_weights
    )
    assert facts["decoding"]["beam_size"] == 3
    assert facts["check"]["identical_or_tied"] >= 0.99
    assert facts["check"]["score_difference_largest"] < 1e-4
    assert facts["check"]["bleu"] == pytest.approx(
        facts["check"]["bleu_of_model"], abs=0.1
    )


def test_readme_can_be_followed(output):
    assert_readme_can_be_followed(output)


def assert_readme_can_be_followed(folder):
    readme = (folder / "1" / "README.md").read_text()
    (code,) = re.findall("```python\n(.*?)```", readme, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code.replace("one hundred and", "one two")],
        cwd=folder / "1",
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": ""},
    )
    assert done.stderr == ""
    (expected,) = loaded.load_exported(folder)(["one two twenty-three"])
    assert done.stdout == f"{expected}\n"


@pytest.mark.parametrize("quantization", ["int8", "float16"])
def test_rounded_weights_take_less_and_are_judged(
    quantization, model, tokenizer, tmp_path, output, monkeypatch
):
    version = export_rounded(
        quantization, model, tokenizer, tmp_path, monkeypatch
    )
    assert_takes_less(version, output, quantization)


def export_rounded(quantization, model, tokenizer, folder, monkeypatch):
    loose = ctranslate2_gate.Bounds(score=1.0, same=0.0, bleu=100.0)
    monkeypatch.setitem(ctranslate2_gate.BOUNDS, quantization, loose)
    return export(
        model, tokenizer, folder / quantization, quantization=quantization
    )


def assert_takes_less(version, whole, quantization):
    sizes = [
        (pathlib.Path(x) / "model.bin").stat().st_size
        for x in (version, whole / "1")
    ]
    assert sizes[0] < sizes[1]
    facts = facts_of(version)
    assert facts["quantization"] == quantization
    assert 0 < facts["check"]["score_difference_mean"]


def test_rounded_weights_beyond_the_bounds_are_refused(
    model, tokenizer, tmp_path, monkeypatch
):
    strict = ctranslate2_gate.Bounds(score=1e-9, same=1.0, bleu=0.0)
    monkeypatch.setitem(ctranslate2_gate.BOUNDS, "int8", strict)
    (tmp_path / "1").mkdir()
    with pytest.raises(parity_gate.ParityError, match="int8"):
        export(model, tokenizer, tmp_path, quantization="int8")
    assert [x.name for x in tmp_path.iterdir()] == ["1"]


def test_old_versions_stay(model, tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr(ctranslate2_gate, "check", lambda *arguments: {})
    (tmp_path / "7").mkdir()
    assert export(model, tokenizer, tmp_path) == str(tmp_path / "8")
    assert export(model, tokenizer, tmp_path) == str(tmp_path / "9")


def test_gnmt_becomes_power(model, tokenizer, tmp_path, caplog, monkeypatch):
    def check(loaded, in_memory, *arguments):
        assert in_memory.options.length_penalty == "power"
        return {}

    monkeypatch.setattr(ctranslate2_gate, "check", check)
    decoding = config.DecodingConfig(alpha=0.7)
    with caplog.at_level("INFO", logger="absl"):
        version = export(model, tokenizer, tmp_path, decoding=decoding)
    assert "length ** 0.7" in caplog.text
    assert facts_of(version)["decoding"]["alpha"] == 0.7


def test_coverage_penalty_is_refused(model, tokenizer, tmp_path):
    decoding = config.DecodingConfig(coverage_penalty=0.2)
    with pytest.raises(errors.InputError, match="coverage_penalty is 0.2"):
        export(model, tokenizer, tmp_path / "out", decoding=decoding)
    assert not list(tmp_path.iterdir())


def test_a_file_too_large_is_noticed(model, tokenizer, tmp_path, monkeypatch):
    write = ctranslate2_folder._write

    def write_too_much(model, tokenizer, path, settings):
        write(model, tokenizer, path, settings)
        with open(pathlib.Path(path, "model.bin"), "ab") as file:
            file.write(bytes(50_000))

    monkeypatch.setattr(ctranslate2_folder, "_write", write_too_much)
    with pytest.raises(parity_gate.ParityError, match="unique weights"):
        export(model, tokenizer, tmp_path / "out")
    assert not list(tmp_path.iterdir())
