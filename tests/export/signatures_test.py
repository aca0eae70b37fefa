"""Each signature of an export, as a server calls it."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf.decoding import translator
from shared_transformer_tf.export import parity_gate, saved_model, signatures
from tests.export import exported

LINES = [line for line in exported.TRICKY if line]


@pytest.fixture(scope="module")
def tokenizer():
    return exported.make_tokenizer()


@pytest.fixture(scope="module")
def model(tokenizer):
    return exported.make_model(tokenizer)


@pytest.fixture(scope="module")
def loaded(model, tokenizer, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        # saved_model_test has it checked
        patch.setattr(parity_gate, "check", lambda *arguments: [])
        folder = saved_model.export_saved_model(
            model,
            tokenizer,
            tmp_path_factory.mktemp("exports"),
            exported.OPTIONS,
            exported.MAX_LENGTH,
        )
    return tf.saved_model.load(folder).signatures


def ask(loaded, lines, beam_size, alpha, limit):
    number = len(lines)
    return loaded["options"](
        text=tf.constant(lines, tf.string),
        beam_size=tf.constant(np.broadcast_to(beam_size, number), tf.int32),
        length_penalty=tf.constant(np.broadcast_to(alpha, number), tf.float32),
        max_length=tf.constant(np.broadcast_to(limit, number), tf.int32),
    )


def texts(tensor):
    return [text.decode() for text in tensor.numpy().ravel()]


def test_batch_is_the_first_dimension_everywhere(loaded):
    assert set(loaded) == {"serving_default", "nbest", "options"}
    for signature in loaded.values():
        tensors = [
            *signature.structured_input_signature[1].values(),
            *signature.structured_outputs.values(),
        ]
        for tensor in tensors:
            assert tensor.shape.rank >= 1 and tensor.shape[0] is None


def test_nbest_gives_what_the_translator_gives(model, tokenizer, loaded):
    number = exported.OPTIONS.beam_size
    found = loaded["nbest"](text=tf.constant(LINES))
    translate = translator.Translator(
        model, tokenizer, exported.OPTIONS, exported.MAX_LENGTH
    )
    expected = translate.translate_with_scores(LINES, number)
    assert found["counts"].numpy().tolist() == [len(row) for row in expected]
    for row, pairs in enumerate(expected):
        given = texts(found["translations"][row])
        assert given == [text for text, _ in pairs] + [""] * (
            number - len(pairs)
        )
        np.testing.assert_allclose(
            found["scores"][row, : len(pairs)],
            [score for _, score in pairs],
            atol=1e-4,
        )
        assert (found["scores"][row, len(pairs) :].numpy() == -1e9).all()


def test_rows_have_options_of_their_own(model, tokenizer, loaded):
    kinds = [(1, 0.0), (3, 1.0), (8, 2.0)]
    beam_sizes, alphas = zip(*(kinds[i % 3] for i in range(12)), strict=True)
    lines = exported.VARIED[:12]
    found = ask(loaded, lines, beam_sizes, alphas, 100)
    for number, (beam_size, alpha) in enumerate(kinds):
        options = dataclasses.replace(
            exported.OPTIONS, beam_size=beam_size, alpha=alpha
        )
        translate = translator.Translator(
            model, tokenizer, options, exported.MAX_LENGTH
        )
        expected = translate.translate_with_scores(lines[number::3])
        assert texts(found["translation"][number::3]) == [
            text for ((text, _),) in expected
        ]
        np.testing.assert_allclose(
            found["score"][number::3],
            [score for ((_, score),) in expected],
            atol=1e-4,
        )


def test_cut_input_and_cut_output_are_told(loaded):
    lines = ["one two", "one two three " * 20, ""]
    whole = ask(loaded, lines, 3, 1.0, 100)["truncated"].numpy()
    assert whole[1] and not whole[2]
    model_cuts = ask(loaded, lines, 3, 1.0, 1)
    assert model_cuts["truncated"].numpy()[:2].all() or not any(
        texts(model_cuts["translation"])[:2]
    )


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ((0, 1.0, 9), (1, 1.0, 9)),
        ((-5, 1.0, 9), (1, 1.0, 9)),
        ((99, 1.0, 9), (signatures.MOST_BEAMS, 1.0, 9)),
        ((3, -1.0, 9), (3, 0.0, 9)),
        ((3, float("nan"), 9), (3, exported.OPTIONS.alpha, 9)),
        ((3, float("inf"), 9), (3, 100.0, 9)),
        ((3, 1.0, -7), (3, 1.0, 1)),
        ((3, 1.0, 2**31 - 1), (3, 1.0, exported.MAX_LENGTH)),
    ],
)
def test_values_out_of_range_are_taken_for_the_nearest(loaded, given, taken):
    lines = exported.VARIED[:3]
    found, expected = ask(loaded, lines, *given), ask(loaded, lines, *taken)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)
        if name == "score":
            assert np.isfinite(value).all()


def test_no_lines(loaded):
    empty = tf.constant([], tf.string)
    assert loaded["nbest"](text=empty)["translations"].shape == (0, 3)
    assert ask(loaded, [], 3, 1.0, 9)["translation"].shape == (0,)
