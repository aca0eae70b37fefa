import numpy as np
import pytest
import tensorflow as tf
from absl import logging

from shared_transformer_tf import config, errors
from shared_transformer_tf.decoding import (
    hypotheses,
    sampling,
    scoring,
    search,
    translator,
)
from shared_transformer_tf.models import transformer
from tests.decoding import untrained

VOCABULARY = 40


class NumberTokenizer:
    """Takes every word for its number, as an id."""

    def encode_source(self, lines):
        for line in lines:
            line.encode()
        return [[int(x) for x in line.split()] for line in lines]

    encode_target = encode_source

    def decode_target(self, ids):
        control = (config.PAD_ID, config.START_ID, config.END_ID)
        return [
            " ".join(str(x) for x in row if x not in control) for row in ids
        ]


@pytest.fixture(scope="module")
def model():
    made = transformer.SharedTransformer(
        VOCABULARY,
        num_layers=3,
        num_blocks=2,
        sharing="0 1 0",
        hidden_dim=16,
        num_heads=2,
        intermediate_dim=32,
        tied_embeddings="none",
    )
    made.build(((None, None), (None, None)))
    untrained.randomize(made, make(made, beam_size=2), make_lines(20))
    return made


def make_lines(count, seed=0):
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, 12, count)
    return [
        " ".join(map(str, generator.integers(4, VOCABULARY, n)))
        for n in lengths
    ]


def make(model, beam_size=4, **options):
    options = config.DecodingConfig(beam_size=beam_size, **options)
    return translator.Translator(model, NumberTokenizer(), options, 24)


@pytest.fixture(scope="module")
def beam(model):
    """One for all tests that count no traces: each trace takes seconds."""
    return make(model, batch_sentences=4)


@pytest.fixture(scope="module")
def greedy(model):
    return make(model, beam_size=1, batch_sentences=4)


def test_cached_steps_equal_the_whole_sequence(model):
    generator = np.random.default_rng(2)
    source = generator.integers(4, VOCABULARY, (3, 7))
    source[1, 4:] = config.PAD_ID
    target_in = generator.integers(4, VOCABULARY, (3, 2, 6))
    target_in[:, :, 0] = config.START_ID
    source, target_in = (tf.cast(x, tf.int32) for x in (source, target_in))
    context = model.start_decoding(source)
    state = model.initial_state(3, 2)
    step = model.step_function(6)
    steps = []
    for position in range(6):
        logits, attention, state = step(
            target_in[:, :, position], tf.constant(position), state, context
        )
        steps.append(logits)
        np.testing.assert_allclose(
            tf.reduce_sum(attention, -1), np.ones((3, 2)), rtol=1e-5
        )
    for beam in range(2):
        whole = model((source, target_in[:, beam]))
        cached = tf.stack([logits[:, beam] for logits in steps], 1)
        np.testing.assert_allclose(cached, whole, atol=2e-5)


@pytest.mark.parametrize("beam_size", [1, 4])
def test_scores_equal_forced_scoring(model, beam_size):
    generator = np.random.default_rng(4)
    sources = generator.integers(4, VOCABULARY, (12, 6)).astype("int32")
    sources[:, -1] = config.END_ID
    options = config.DecodingConfig(beam_size=beam_size)
    found = search.search(model, tf.constant(sources), options, 24, beam_size)
    for rank in range(beam_size):
        ids = found.ids[:, rank]
        target_in = tf.pad(ids[:, :-1], [[0, 0], [1, 0]])
        target_in += config.START_ID * tf.one_hot(
            0, ids.shape[1], dtype="int32"
        )
        logits = model((sources, target_in))
        forced = scoring.log_probabilities(logits, ids)
        exists = rank < found.counts
        for came, expected in (
            (found.log_probabilities, forced),
            (
                found.scores,
                forced
                / hypotheses.length_penalty(
                    found.lengths[:, rank],
                    options.length_penalty,
                    options.alpha,
                ),
            ),
        ):
            np.testing.assert_allclose(
                came[:, rank][exists], expected[exists], rtol=2e-6, atol=4e-6
            )


def test_score_of_a_translation_is_that_of_its_search(model):
    translate = make(model, beam_size=30, alpha=0.0)
    for line, result in zip(
        make_lines(4),
        translate.translate_with_scores(make_lines(4), 30),
        strict=True,
    ):
        limit = min(24, int(1.5 * len(line.split()) + 10))
        for text, score in result:
            if len(text.split()) < limit:  # else it may have no end symbol
                (forced,) = translate.score([line], [text])
                assert score == pytest.approx(forced, rel=2e-6, abs=4e-6)


@pytest.mark.parametrize("search", ["greedy", "beam"])
def test_batched_equals_one_by_one_in_order(search, request):
    lines = ["", *make_lines(11), " \t", *make_lines(3, seed=5)]
    translate = request.getfixturevalue(search)
    together = translate.translate_with_scores(lines)
    for line, ((text, score),) in zip(lines, together, strict=True):
        ((alone, alone_score),) = translate.translate_with_scores([line])[0]
        assert text == alone
        assert score == pytest.approx(alone_score, abs=1e-5)
    assert translate(lines) == [text for ((text, _),) in together]


def test_blank_lines_give_empty_strings(beam):
    assert beam(["", "  ", "\t\u3000\n"]) == [""] * 3
    assert beam(["", "5 6"], num_best=2)[0] == [""]
    assert beam([]) == []
    assert beam.translate_ids([[], [4, 5]])[0] == ""
    assert beam.sample([""]) == [[("", 0.0)]]


def test_one_trace_serves_every_shape(model):
    translate = make(model, batch_sentences=3)
    translate(make_lines(5))
    translate(make_lines(7, seed=1))
    translate.translate_ids([[5, 6]])
    assert translate.traces == 1
    translate(make_lines(2), num_best=2)
    assert translate.traces == 2


def test_encoded_sentences_translate_as_their_text(greedy):
    lines = make_lines(6)
    ids = NumberTokenizer().encode_source(lines)
    assert greedy.translate_ids(ids) == greedy(lines)


def test_translator_follows_the_weights(model, greedy):
    lines = make_lines(6)
    before = greedy(lines)
    kernel = model.target_tokens.embeddings
    kept = kernel.numpy()
    kernel.assign(kept[::-1])
    after = greedy(lines)
    kernel.assign(kept)
    assert before != after
    assert greedy(lines) == before


def test_n_best_is_sorted_and_at_most_the_beam(beam):
    for result in beam.translate_with_scores(make_lines(5), 4):
        scores = [score for _, score in result]
        assert 1 <= len(scores) <= 4
        assert scores == sorted(scores, reverse=True)
    for num_best in (0, 5):
        with pytest.raises(errors.InputError, match="num_best"):
            beam(["5"], num_best=num_best)


def test_output_stays_within_the_limit_of_its_row(model):
    translate = make(model, max_length_factor=1.0, max_length_offset=1)
    lines = make_lines(20)
    for line, text in zip(lines, translate(lines), strict=True):
        assert len(text.split()) <= len(line.split()) + 1


@pytest.mark.parametrize(
    "options",
    [{"length_penalty": "GNMT"}, {"alpha": -1.0}, {"max_length_offset": 0}],
)
def test_options_out_of_range_are_refused(model, options):
    (name,) = options
    with pytest.raises(errors.InputError, match=f"decoding.{name} is"):
        make(model, **options)


def test_options_may_be_numbers_of_numpy(model):
    options = dict(alpha=np.float32(0.5), beam_size=np.int64(2))
    translate = translator.Translator(
        model, NumberTokenizer(), config.DecodingConfig(**options), 24
    )
    assert (translate.options.alpha, translate.options.beam_size) == (0.5, 2)


def test_long_lines_are_cut_with_one_warning_that_counts(beam, monkeypatch):
    warnings = []
    monkeypatch.setattr(
        logging, "warning", lambda text, *values: warnings.append(text % values)
    )
    long = " ".join(["7 8"] * 30)
    cut = " ".join(long.split()[:23])
    assert beam([long, "5", long]) == beam([cut, "5", cut])
    assert warnings == ["2 of 3 lines were cut to 23 tokens."]


def test_scores_of_texts_do_not_depend_on_the_batch(beam):
    sources, targets = make_lines(30), make_lines(30, seed=1)
    sources[3] = targets[5] = ""
    together = beam.score(sources, targets)
    alone = [
        beam.score([source], [target])[0]
        for source, target in zip(sources, targets, strict=True)
    ]
    np.testing.assert_allclose(together, alone, rtol=1e-5)
    assert all(score < 0 for score in together)
    assert beam.score([], []) == []
    with pytest.raises(errors.InputError, match="2 sources came with 1"):
        beam.score(["5", "6"], ["7"])


def test_blank_target_scores_the_end_symbol_alone(model, beam):
    context = model.start_decoding(tf.constant([[5, 6, config.END_ID]]))
    logits, _, _ = model.step_function(1)(
        tf.constant([[config.START_ID]]),
        tf.constant(0),
        model.initial_state(1, 1),
        context,
    )
    end = tf.nn.log_softmax(logits)[0, 0, config.END_ID]
    (blank,) = beam.score(["5 6"], [""])
    assert blank == pytest.approx(float(end), abs=1e-5)


def test_samples_repeat_with_their_seed(beam, greedy):
    lines = make_lines(5)
    options = sampling.SamplingOptions(num_samples=3)
    first = beam.sample(lines, options, seed=1)
    assert first == beam.sample(lines, options, seed=1)
    assert first != beam.sample(lines, options, seed=2)
    assert all(len(result) == 3 for result in first)
    single = sampling.SamplingOptions(top_k=1)
    assert [text for ((text, _),) in beam.sample(lines, single)] == greedy(
        lines
    )
