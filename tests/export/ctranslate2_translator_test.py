import json
import os
import shutil
import types

import numpy as np
import pytest

from shared_transformer_tf import config, errors
from shared_transformer_tf.decoding import search, sentences, translator
from shared_transformer_tf.export import (
    ctranslate2_folder,
    ctranslate2_gate,
    ctranslate2_translator,
)
from tests.export import exported


@pytest.fixture(scope="module")
def tokenizer():
    return exported.make_tokenizer()


@pytest.fixture(scope="module")
def model(tokenizer):
    return exported.make_model(tokenizer)


@pytest.fixture(scope="module")
def output(model, tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports")
    settings = ctranslate2_folder.Settings(
        decoding=exported.OPTIONS, max_length=exported.MAX_LENGTH
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ctranslate2_gate, "check", lambda *arguments: {})
        ctranslate2_folder.export_ctranslate2(
            model, tokenizer, folder, settings
        )
    return folder


@pytest.fixture(scope="module")
def export(output):
    return ctranslate2_translator.CTranslate2Translator(output)


LINES = [*exported.TRICKY, *exported.VARIED]


def test_order_and_batches_do_not_matter(export, output):
    together = export(LINES)
    assert len(set(together)) > 8
    assert export(LINES[::-1]) == together[::-1]
    assert [text for line in LINES for text in export([line])] == together
    one_by_one = ctranslate2_translator.CTranslate2Translator(output, threads=1)
    one_by_one.metadata["decoding"]["batch_sentences"] = 2
    assert one_by_one(LINES) == together
    assert export([]) == []


def test_blank_lines_are_blank_and_odd_ones_no_error(export):
    assert export(["", " \t", "\u3000\x85"]) == [""] * 3
    assert export.translate_with_scores([""]) == [("", 0.0)]
    assert len(export(["\udcff two", "a\x00b", "\U0001f6b2"])) == 3


def test_scores_of_the_search_are_without_what_is_never_chosen(
    export, model, tokenizer
):
    """CTranslate2 leaves `<pad>` and `<s>` out before it normalises."""
    lines = [line for line in exported.VARIED if line.strip()]
    found = export.translate_with_scores(lines)
    alpha = export.metadata["decoding"]["alpha"]
    forced = export.score(lines, [text for text, _ in found])
    encoded = tokenizer.encode_target([text for text, _ in found])
    higher = [
        score - whole / (len(ids) + 1) ** alpha
        for (_, score), whole, ids in zip(found, forced, encoded, strict=True)
        if len(ids) + 1 < exported.MAX_LENGTH  # others were cut
    ]
    assert len(higher) > 3
    assert min(higher) > -1e-4 and max(higher) > 1e-3


def test_input_is_cut_and_said_so(export, caplog):
    caplog.clear()
    long = "one two three " * 20
    with caplog.at_level("WARNING", logger="absl"):
        assert export([long, "one"]) == export([long + "four", "one"])
    assert "1 of 2 lines were cut to 15 tokens" in caplog.text


def test_each_line_has_its_own_limit(output, tokenizer):
    export = ctranslate2_translator.CTranslate2Translator(output)
    export.metadata["decoding"] |= {
        "max_length_factor": 0.5,
        "max_length_offset": 0,
    }
    lines = [line for line in LINES if line.strip()]
    texts = export(lines)
    assert [text for line in lines for text in export([line])] == texts
    encode = tokenizer.encode_source
    export._tokenizer = types.SimpleNamespace(
        encode_source=encode, decode_target=list
    )
    sources = encode([sentences.clean_text(line) for line in lines])
    found = list(zip(export(lines), sources, strict=True))
    for ids, source in found:
        longest = min(len(source), exported.MAX_LENGTH - 1)
        assert len(ids) <= max(1, longest // 2)  # the end symbol included
    assert len({len(ids) for ids, _ in found}) > 3


def test_limits_are_rounded_as_those_of_the_search(output):
    export = ctranslate2_translator.CTranslate2Translator(output)
    for factor, length in ((1.3, 90), (1.15, 100), (1.4, 165), (2.3, 50)):
        values = {"max_length_factor": factor, "max_length_offset": 10}
        export.metadata["decoding"] |= values
        export.metadata["max_length"] = 500
        options = config.DecodingConfig(**values)
        ids = np.full([1, length + 1], config.END_ID, np.int32)
        (limit,) = search.row_limits(ids, options, 500).numpy()
        assert export._limit(["x"] * length) == limit
        assert limit != int(factor * length + 10)  # in Python's own numbers


def test_scores_are_those_of_the_model(export, model, tokenizer):
    in_memory = translator.Translator(
        model, tokenizer, max_length=exported.MAX_LENGTH
    )
    sources = [*exported.VARIED, "a\x00b", "one two three " * 20]
    targets = [*exported.VARIED[::-1], "\U0001f6b2", "one two three " * 20]
    assert export.score(sources, targets) == pytest.approx(
        in_memory.score(sources, targets), abs=1e-4
    )


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: os.truncate(folder / "model.bin", 1000),
        lambda folder: (folder / "metadata.json").unlink(),
        lambda folder: (folder / "metadata.json").write_text("{"),
        lambda folder: (folder / "metadata.json").write_text(json.dumps({})),
        lambda folder: (folder / "shared_vocabulary.json").unlink(),
        lambda folder: (folder / "joint.model").unlink(),
    ],
)
def test_damage_is_one_line(damage, output, tmp_path):
    folder = shutil.copytree(output / "1", tmp_path / "1")
    damage(folder)
    with pytest.raises(errors.InputError) as caught:
        ctranslate2_translator.CTranslate2Translator(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)
