"""Slices of a batch hold each row once."""

import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf.training.accumulation import sum_over_slices

LIKE = [tf.TensorSpec([8], tf.int32), tf.TensorSpec([8], tf.int32)]


def of_slices(rows, slices, static):
    """How often each row was seen, and with which slice number."""
    traces = []
    shape = [rows if static else None]

    @tf.function(
        input_signature=[tf.TensorSpec(shape, tf.int32)] * 2, autograph=False
    )
    def run(left, right):
        def seen(batch, index):
            traces.append(batch[0].shape)
            tf.debugging.assert_equal(batch[0], batch[1])
            one_hot = tf.reduce_sum(tf.one_hot(batch[0], 8, dtype=tf.int32), 0)
            return [one_hot, one_hot * (index + 1)]

        return sum_over_slices(seen, (left, right), slices, LIKE)

    ids = tf.range(rows)
    counts, numbers = run(ids, ids)
    assert len(traces) == 1
    return counts.numpy()[:rows], numbers.numpy()[:rows], traces[0]


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize(
    ("rows", "slices", "expected"),
    [
        (6, 3, [1, 1, 2, 2, 3, 3]),
        (7, 2, [1, 1, 1, 2, 2, 2, 2]),
        (5, 3, [1, 2, 2, 3, 3]),
        (2, 4, [1, 2]),
        (4, 1, [1, 1, 1, 1]),
    ],
)
def test_every_row_is_in_one_slice(rows, slices, expected, static):
    counts, numbers, _ = of_slices(rows, slices, static)
    np.testing.assert_array_equal(counts, 1)
    np.testing.assert_array_equal(numbers, expected)


def test_equal_slices_of_known_rows_have_a_known_shape():
    assert of_slices(6, 3, static=True)[2] == [2]
    assert of_slices(7, 3, static=True)[2][0] is None


def test_arrays_are_taken_as_tensors_are():
    rows = np.arange(5, dtype="int32")
    (total,) = sum_over_slices(
        lambda batch, index: [tf.reduce_sum(batch[0]) * (index + 1)],
        (rows, None),
        2,
        [tf.TensorSpec([], rows.dtype)],
    )
    assert total.numpy() == 1 * (0 + 1) + 2 * (2 + 3 + 4)
