import os
import pathlib
import re
import shutil
import subprocess
import sys

import onnx
import pytest
from onnx import numpy_helper

from shared_transformer_tf import errors
from shared_transformer_tf.decoding import translator
from shared_transformer_tf.export import (
    loaded,
    onnx_folder,
    onnx_translator,
    parity_gate,
)
from tests.export import exported, memorized

LINES = [*exported.TRICKY, *exported.VARIED, "lone \udcff surrogate"]


@pytest.fixture(scope="module")
def tokenizer():
    return exported.make_tokenizer()


@pytest.fixture(scope="module")
def model(tokenizer):
    return memorized.make_model(tokenizer)


@pytest.fixture(scope="module")
def in_memory(model, tokenizer):
    return translator.Translator(
        model, tokenizer, exported.OPTIONS, exported.MAX_LENGTH
    )


@pytest.fixture(scope="module")
def output(model, tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports")
    version = onnx_folder.export_onnx(
        model, tokenizer, folder, exported.OPTIONS, exported.MAX_LENGTH, LINES
    )
    assert version == str(folder / "1")
    return folder


def test_translates_like_the_model_in_memory(in_memory, output):
    expected = in_memory(LINES)
    assert len(set(expected)) > 5
    export = loaded.load_exported(output)
    assert export(LINES) == expected
    assert [text for line in LINES for text in export([line])] == expected
    assert export([]) == []


def test_shared_weights_are_stored_once(in_memory, output, monkeypatch):
    onnx_folder._check_size(str(output / "1"), in_memory)  # two uses of each
    monkeypatch.setattr(parity_gate, "float_bytes", lambda model: 2**14)
    with pytest.raises(parity_gate.ParityError, match="unique weights take"):
        onnx_folder._check_size(str(output / "1"), in_memory)


def test_two_vocabularies_and_three_matrices(tmp_path):
    tokenizer = exported.make_tokenizer(joint=False)
    model = memorized.make_model(tokenizer)
    onnx_folder.export_onnx(
        model, tokenizer, tmp_path, exported.OPTIONS, exported.MAX_LENGTH
    )
    in_memory = translator.Translator(
        model, tokenizer, exported.OPTIONS, exported.MAX_LENGTH
    )
    assert loaded.load_exported(tmp_path)(LINES) == in_memory(LINES)


def test_no_matrix_is_stored_with_its_transposed(output):
    graph = onnx.load(str(output / "1" / "model.onnx")).graph
    arrays = [numpy_helper.to_array(tensor) for tensor in graph.initializer]
    large = [array for array in arrays if array.ndim == 2 and array.size > 256]
    assert len(large) > 4
    for number, array in enumerate(large):
        for other in large[:number]:
            assert array.T.shape != other.shape or (array.T != other).any()


def test_readme_can_be_followed(in_memory, output):
    readme = (output / "1" / "README.md").read_text()
    (code,) = re.findall("```python\n(.*?)```", readme, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code.replace("one hundred and", "one two")],
        cwd=output / "1",
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": ""},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == in_memory(["one two twenty-three"])[0] + "\n"


def test_other_weights_are_noticed(model, in_memory, output):
    export = onnx_translator.OnnxTranslator(output)
    kernel = model.target_tokens.embeddings
    kept = kernel.numpy()
    kernel.assign(kept[::-1])
    try:
        with pytest.raises(parity_gate.ParityError, match="translates"):
            onnx_folder._check(export, in_memory, LINES)
    finally:
        kernel.assign(kept)


def test_wrong_text_with_the_right_scores_is_noticed(in_memory):
    class Export:
        def translate_with_scores(self, lines):
            scored = in_memory.translate_with_scores(lines)
            return [(f"{text} x", score) for ((text, score),) in scored]

    with pytest.raises(parity_gate.ParityError, match="translates"):
        onnx_folder._check(Export(), in_memory, ["one two"])


@pytest.mark.parametrize("change", [-2e-4, float("nan")])
def test_other_scores_are_noticed(in_memory, change):
    class Export:
        def translate_with_scores(self, lines):
            scored = in_memory.translate_with_scores(lines)
            return [(text, score + change) for ((text, score),) in scored]

    with pytest.raises(parity_gate.ParityError, match="the score"):
        onnx_folder._check(Export(), in_memory, ["one two"])


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: os.truncate(folder / "model.onnx", 1000),
        lambda folder: (folder / "metadata.json").write_text("{}"),
        lambda folder: (folder / "joint.model").unlink(),
    ],
)
def test_damage_is_one_line(damage, output, tmp_path):
    folder = pathlib.Path(shutil.copytree(output / "1", tmp_path / "1"))
    damage(folder)
    with pytest.raises(errors.InputError) as caught:
        loaded.load_exported(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)
