"""Properties of the batches."""

import os

import numpy as np
import pytest
import tensorflow as tf
from absl import logging

from shared_transformer_tf import config as config_lib
from shared_transformer_tf import errors
from shared_transformer_tf.data import corpus, pipeline, token_pairs, tokenizer


def make_pairs(num_pairs=200, longest=20):
    rng = np.random.default_rng(0)
    sides = [
        [
            rng.integers(4, 99, size).astype(np.int32)
            for size in rng.integers(1, longest, num_pairs)
        ]
        for _ in range(2)
    ]
    return token_pairs.TokenPairs(*sides, np.arange(num_pairs) + 1)


def make_batches(pairs=None, **options):
    pairs = pairs or make_pairs()
    return pipeline.TrainingBatches(
        pairs, **{"batch_tokens": 100, "num_buckets": 4, **options}
    )


@pytest.fixture(name="lines_logged")
def fixture_lines_logged(caplog):
    before = logging.get_verbosity()
    logging.set_verbosity(logging.INFO)
    with caplog.at_level("INFO", logger="absl"):
        yield caplog
    logging.set_verbosity(before)


def numbers_tokenizer():
    config = config_lib.DataConfig(
        numbers_train=300, numbers_valid=30, numbers_test=30
    )
    text = corpus.load_split(config, "train", seed=1)
    model = tokenizer.Tokenizer.train(
        text.source,
        text.target,
        config_lib.TokenizerConfig(vocabulary_size=90),
    )
    return text, model


def test_useless_pairs_are_dropped_and_counted(lines_logged):
    text, model = numbers_tokenizer()
    long, good = " ".join(text.source[:60]), text.source[0]
    middling = " ".join(text.source[:4])
    useless = corpus.ParallelText(
        [good, "", good, "@@", good, long, good, good],
        [good, good, " \u00a0", good, " @@ ", long, middling, good],
    )
    config = config_lib.DataConfig(max_length_ratio=2.0)
    pairs = token_pairs.encode_pairs(useless, model, config)
    assert pairs.line_numbers.tolist() == [1, 8]
    assert lines_logged.messages[-1] == (
        "Kept 2 of 8 pairs; dropped: 2 blank, 2 only @@, 1 too long, "
        "1 odd ratio."
    )


def test_text_without_a_usable_pair_is_refused():
    _, model = numbers_tokenizer()
    text = corpus.ParallelText(["", "one"], ["eins", "@@"])
    with pytest.raises(errors.InputError, match="1 blank, 1 only @@"):
        token_pairs.encode_pairs(text, model, config_lib.DataConfig())


def test_every_pair_occurs_once_per_epoch_in_another_order():
    batches = make_batches()
    steps = batches.steps_per_epoch()
    epochs = [
        np.concatenate(
            [
                batches.line_numbers(step)
                for step in range(epoch * steps, (epoch + 1) * steps)
            ]
        )
        for epoch in range(3)
    ]
    for lines in epochs:
        assert sorted(lines) == list(range(1, 201))
    assert not np.array_equal(epochs[0], epochs[1])


def test_a_batch_depends_on_seed_and_step_only():
    steps = 2 * make_batches().steps_per_epoch() + 3
    whole = list(make_batches().dataset().take(steps).as_numpy_iterator())
    for start in (1, steps // 2, steps - 2):
        resumed = make_batches().dataset(start).take(2).as_numpy_iterator()
        for expected, batch in zip(whole[start:], resumed, strict=False):
            np.testing.assert_equal(batch, expected)
    other = make_batches(seed=2)
    assert any(
        not np.array_equal(
            other.line_numbers(s), make_batches().line_numbers(s)
        )
        for s in range(3)
    )


def test_rows_are_the_sentences_between_start_and_end():
    pairs = make_pairs()
    batches = make_batches(pairs)
    for step in range(batches.steps_per_epoch()):
        (source, target_in), target_out = batches.batch(step)
        lines = batches.line_numbers(step)
        for row, line in enumerate(lines):
            source_ids = [*pairs.source[line - 1], config_lib.END_ID]
            target_ids = list(pairs.target[line - 1])
            for ids, expected in (
                (source[row], source_ids),
                (target_in[row], [config_lib.START_ID, *target_ids]),
                (target_out[row], [*target_ids, config_lib.END_ID]),
            ):
                assert ids[: len(expected)].tolist() == expected
                assert not ids[len(expected) :].any()
        for ids in (source, target_in, target_out):
            assert ids.dtype == np.int32
            assert not ids[len(lines) :].any()


def test_batches_have_only_the_shapes_that_were_announced():
    batches = make_batches()
    seen = {
        tuple(array.shape)
        for (source, target_in), target_out in batches.dataset().take(60)
        for array in (source, target_in, target_out)
    }
    assert seen == set(batches.shapes)
    assert len(seen) == 4


def test_positions_count_epochs_and_steps():
    batches = make_batches()
    steps = batches.steps_per_epoch()
    assert batches.position(0) == (0, 0)
    assert batches.position(2 * steps + 1) == (2, 1)
    assert {len(batches.plan(epoch)) for epoch in range(5)} == {steps}


def test_fill_is_the_part_of_cells_that_are_not_padding():
    batches = make_batches()
    arrays = [
        array
        for step in range(batches.steps_per_epoch())
        for array in (batches.batch(step)[0][0], batches.batch(step)[1])
    ]
    tokens = sum(np.count_nonzero(array) for array in arrays)
    cells = sum(array.size for array in arrays)
    assert batches.fill(0) == pytest.approx(tokens / cells)


@pytest.mark.parametrize("options", [{"batch_tokens": 9}, {"max_length": 9}])
def test_a_sentence_beyond_the_budget_is_named(options):
    with pytest.raises(errors.InputError, match=r"Line \d+ has 20 tokens"):
        make_batches(**options)


@pytest.mark.parametrize("replicas", [2, 3, 50])
def test_replicas_share_a_batch_without_overlap(replicas):
    batches = make_batches()
    for step in range(batches.steps_per_epoch()):
        parts = [batches.batch(step, r, replicas) for r in range(replicas)]
        assert len({target.shape for _, target in parts}) == 1
        rows = [
            tuple(map(tuple, rows))
            for (source, target_in), target in parts
            for rows in zip(source, target_in, target, strict=True)
            if rows[0].any()
        ]
        (source, target_in), target = batches.batch(step)
        expected = [
            tuple(map(tuple, rows))
            for rows in zip(source, target_in, target, strict=True)
            if rows[0].any()
        ]
        assert sorted(rows) == sorted(expected)


def test_a_worker_reads_the_parts_of_its_replicas_one_by_one():
    batches = make_batches()
    dataset = batches.dataset(2, replica_numbers=[2, 3], replicas=4)
    expected = [(2, 2), (2, 3), (3, 2), (3, 3)]
    read = list(dataset.take(4).as_numpy_iterator())
    for batch, (step, replica) in zip(read, expected, strict=True):
        np.testing.assert_equal(batch, batches.batch(step, replica, 4))
    finite = batches.one_epoch([0, 1], 4)
    assert len(list(finite)) == int(finite.cardinality())


def test_one_bucket_has_a_static_shape():
    batches = make_batches(num_buckets=1)
    ((rows, length),) = batches.shapes
    spec = batches.dataset(0, [0], 2).element_spec
    assert {tuple(s.shape) for s in tf.nest.flatten(spec)} == {
        (-(-rows // 2), length)
    }


def test_evaluation_holds_every_pair_once():
    pairs = make_pairs(37)
    dataset = pipeline.evaluation_batches(pairs, batch_tokens=10).one_epoch()
    batches = list(dataset.as_numpy_iterator())
    assert len(batches) == int(dataset.cardinality())
    rows = [
        tuple(row[row > 3])
        for (_, _), target_out in batches
        for row in target_out
        if row.any()
    ]
    assert sorted(rows) == sorted(tuple(ids) for ids in pairs.target)


@pytest.mark.skipif(
    "MULTI30K_DIR" not in os.environ,
    reason="set MULTI30K_DIR to the folder of Multi30k's files",
)
def test_multi30k_drops_its_missing_translations_and_fills_its_batches():
    config = config_lib.DataConfig(
        corpus="text", directory=os.environ["MULTI30K_DIR"]
    )
    text = corpus.load_split(config, "train", seed=1)
    model = tokenizer.Tokenizer.train(
        text.source, text.target, config_lib.TokenizerConfig()
    )
    pairs = token_pairs.encode_pairs(text, model, config)
    dropped = set(range(1, len(text) + 1)) - set(pairs.line_numbers.tolist())
    assert {16510, 16664} <= dropped
    assert len(dropped) < 10
    batches = pipeline.TrainingBatches(pairs)
    assert batches.fill(0) > 0.84


@pytest.mark.parametrize("epochs", [0, 2])
def test_steps_for_tokens_is_the_first_step_with_as_many(epochs):
    batches = make_batches(seed=3)
    steps = batches.steps_per_epoch()
    seen = np.cumsum(
        [
            np.count_nonzero(batches.batch(step)[1])
            for step in range((epochs + 1) * steps)
        ]
    )
    for step in range(epochs * steps, (epochs + 1) * steps):
        assert batches.steps_for_tokens(int(seen[step])) == step + 1
        assert batches.steps_for_tokens(int(seen[step]) - 1) == step + 1
    assert batches.steps_for_tokens(1) == 1
