"""Dropout is a pure function of its seed."""

import numpy as np
import tensorflow as tf

from shared_transformer_tf.layers.dropout import dropout, site_seed

ONES = tf.ones((40, 50))


def test_rate_and_scale():
    dropped = dropout(ONES, 0.25, tf.constant([1, 2])).numpy()
    assert set(np.unique(dropped)) == {0, np.float32(1 / 0.75)}
    assert abs(np.mean(dropped == 0) - 0.25) < 0.05


def test_the_seed_decides_and_sites_and_steps_differ():
    seed = tf.constant([7, 0])
    masks = [
        dropout(ONES, 0.5, site_seed(tf.constant([7, step]), site)).numpy()
        for step in range(3)
        for site in range(3)
    ]
    np.testing.assert_array_equal(masks[0], dropout(ONES, 0.5, seed))
    for index, mask in enumerate(masks):
        for other in masks[:index]:
            assert 0.4 < np.mean(mask == other) < 0.6  # independent


def test_no_seed_or_no_rate_drops_nothing():
    assert dropout(ONES, 0.5, None) is ONES
    assert dropout(ONES, 0.0, tf.constant([1, 2])) is ONES
    assert site_seed(None, 3) is None
