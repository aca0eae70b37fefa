"""Properties of bucket shapes and their filling."""

import itertools

import numpy as np
import pytest

from shared_transformer_tf.data import buckets


def padded(lengths, ends):
    return sum(min(end for end in ends if end >= n) for n in lengths)


@pytest.mark.parametrize("num_buckets", [1, 2, 3, 4])
def test_no_other_bucket_ends_pad_less(num_buckets):
    lengths = np.random.default_rng(num_buckets).integers(2, 12, 50)
    shapes = buckets.choose_shapes(lengths, 100, num_buckets)
    best = min(
        padded(lengths, (*ends, lengths.max()))
        for ends in itertools.combinations(
            range(2, lengths.max()), num_buckets - 1
        )
    )
    assert padded(lengths, [end for _, end in shapes]) == best


def test_shapes_keep_the_budget_and_hold_the_longest_sentence():
    lengths = np.arange(2, 90)
    shapes = buckets.choose_shapes(lengths, 200, 6)
    assert len(shapes) == 6
    assert all(rows * length <= 200 for rows, length in shapes)
    assert shapes[-1][1] == 89


def test_there_are_no_more_buckets_than_lengths():
    assert buckets.choose_shapes(np.array([4, 4, 7]), 1000, 8) == (
        (3, 4),
        (3, 7),
    )


@pytest.mark.parametrize("seed", range(5))
def test_every_sentence_is_laid_into_one_batch_that_holds_it(seed):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 40, 300)
    shapes = buckets.choose_shapes(lengths, 120, 5)
    bucket_of = np.searchsorted([end for _, end in shapes], lengths)
    batches = buckets.fill(rng.permutation(300), bucket_of, shapes)
    indices = np.concatenate([members for _, members in batches])
    assert sorted(indices) == list(range(300))
    for bucket, members in batches:
        assert lengths[members].max() <= shapes[bucket][1]
    for bucket, members in batches[:-1]:
        assert len(members) == shapes[bucket][0]


def test_batches_come_in_the_order_in_which_buckets_get_full():
    bucket_of = np.array([0, 1, 0, 1, 1, 0])
    batches = buckets.fill(np.arange(6), bucket_of, ((2, 4), (3, 9)))
    assert [(bucket, list(members)) for bucket, members in batches] == [
        (0, [0, 2]),
        (1, [1, 3, 4]),
        (1, [5]),
    ]
