import json
import pathlib

import pytest

from shared_transformer_tf import errors
from shared_transformer_tf.decoding import translator
from shared_transformer_tf.export import (
    loaded,
    parity,
    parity_gate,
    saved_model,
    warm_up,
)
from tests.export import exported


@pytest.fixture(scope="module")
def tokenizer():
    return exported.make_tokenizer()


@pytest.fixture(scope="module")
def model(tokenizer):
    return exported.make_model(tokenizer)


def export(model, tokenizer, output, samples=()):
    return saved_model.export_saved_model(
        model, tokenizer, output, exported.OPTIONS, exported.MAX_LENGTH, samples
    )


@pytest.fixture(scope="module")
def output(model, tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports") / "new" / "folder"
    assert export(model, tokenizer, folder, exported.TRICKY).endswith("/1")
    return folder


def test_translates_like_the_model_in_memory(model, tokenizer, output):
    in_memory = translator.Translator(
        model, tokenizer, exported.OPTIONS, exported.MAX_LENGTH
    )
    lines = [*exported.TRICKY, "lone \udcff surrogate", "two"]
    expected = in_memory(lines)
    assert len(set(expected)) > 4
    assert loaded.load_exported(output)(lines) == expected
    small = loaded.LoadedExport(output / "1", batch_sentences=2)
    assert small(lines) == expected
    assert small([]) == []


def test_weights_are_stored_once(model, output):
    stored = parity.float_bytes(str(output / "1"))
    assert stored == 4 * sum(w.numpy().size for w in model.trainable_weights)
    data = output / "1/variables/variables.data-00000-of-00001"
    assert stored <= data.stat().st_size < stored + 20_000
    facts = json.loads((output / "1/assets.extra/metadata.json").read_text())
    assert 4 * facts["weights"] == stored
    assert facts["decoding"]["beam_size"] == 3


def test_two_vocabularies_and_three_matrices(tmp_path):
    tokenizer = exported.make_tokenizer(joint=False)
    model = exported.make_model(tokenizer)
    version = export(model, tokenizer, tmp_path, exported.VARIED)
    stored = parity.float_bytes(version)
    assert stored == 4 * sum(w.numpy().size for w in model.trainable_weights)
    in_memory = translator.Translator(
        model, tokenizer, exported.OPTIONS, exported.MAX_LENGTH
    )
    lines = [*exported.VARIED, "one two three " * 20]
    assert loaded.load_exported(tmp_path)(lines) == in_memory(lines)


def test_what_servers_and_people_look_for_is_there(output):
    names = {path.name for path in (output / "1").iterdir()}
    assert {"MODEL_CARD.md", "batching_params.pbtxt", "saved_model.pb"} <= names
    assert (output / "1" / warm_up.FILE).stat().st_size > 0
    assert "max_batch_size" in (output / "1/batching_params.pbtxt").read_text()


def test_only_numbered_versions_are_left(output):
    assert [entry.name for entry in output.iterdir()] == ["1"]


def test_next_version_gets_the_next_number(
    model, tokenizer, tmp_path, monkeypatch
):
    def write(model, tokenizer, path, options, max_length):
        pathlib.Path(path, "assets.extra").mkdir(parents=True)

    monkeypatch.setattr(saved_model, "_write", write)
    monkeypatch.setattr(parity_gate, "check", lambda *arguments: [])
    (tmp_path / "7").mkdir()
    (tmp_path / "10").mkdir()  # not the last one by name
    assert export(model, tokenizer, tmp_path) == str(tmp_path / "11")


def test_foreign_folder_is_refused_and_left_alone(model, tokenizer, tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(errors.InputError, match="notes.txt"):
        export(model, tokenizer, tmp_path)
    assert {x.name for x in tmp_path.iterdir()} == {"1", "notes.txt"}
    with pytest.raises(errors.InputError, match="is a file"):
        export(model, tokenizer, tmp_path / "notes.txt")


def test_other_weights_are_noticed(model, tokenizer, output):
    kernel = model.target_tokens.embeddings
    kept = kernel.numpy()
    kernel.assign(kept[::-1])
    try:
        with pytest.raises(parity_gate.ParityError, match="translat"):
            parity_gate.check(
                str(output / "1"),
                model,
                tokenizer,
                exported.OPTIONS,
                exported.MAX_LENGTH,
            )
    finally:
        kernel.assign(kept)
