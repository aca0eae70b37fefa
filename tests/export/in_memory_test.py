"""The model in memory answers as its Translator does, and rescores."""

import dataclasses

import pytest

from shared_transformer_tf.decoding import translator
from shared_transformer_tf.export.in_memory import InMemory
from tests.export import exported


@pytest.fixture(scope="module")
def tokenizer():
    return exported.make_tokenizer()


@pytest.fixture(scope="module")
def model(tokenizer):
    return exported.make_model(tokenizer)


def test_finds_what_the_translator_finds(model, tokenizer):
    options = dataclasses.replace(exported.OPTIONS, alpha=1.0)
    asked = InMemory(model, tokenizer, exported.MAX_LENGTH)
    lines = list(exported.TRICKY)
    found = asked.find(lines, options, 3)
    translate = translator.Translator(
        model, tokenizer, options, exported.MAX_LENGTH
    )
    rows = translate.translate_with_scores(lines, 3)
    for row, expected in zip(found, rows, strict=True):
        assert [one.text for one in row] == [text for text, _ in expected]
        for one, (_, score) in zip(row, expected, strict=True):
            assert one.score == pytest.approx(score, abs=1e-5)
            assert one.rescored == pytest.approx(one.score, abs=1e-4)
    best = [row[0][0] if row else "" for row in rows]
    assert asked.translate(lines, options) == best
    # and what others find, and the first ones again
    greedy = dataclasses.replace(options, beam_size=1)
    found = translator.Translator(
        model, tokenizer, greedy, exported.MAX_LENGTH
    )(lines)
    assert asked.translate(lines, greedy) == found != best
    assert asked.translate(lines, options) == best


def test_a_limit_cuts_the_translation_and_not_the_source(model, tokenizer):
    asked = InMemory(model, tokenizer, exported.MAX_LENGTH)
    (whole,), (cut,) = (
        asked.find(["one two three"], exported.OPTIONS, 1, limit)[0]
        for limit in (0, 1)
    )
    assert cut.truncated or cut.text == ""
    assert len(cut.text) < max(len(whole.text), 1) + 1
    assert asked.find([], exported.OPTIONS, 1) == []
    assert asked.translate([], exported.OPTIONS) == []
