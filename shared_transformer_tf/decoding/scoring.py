"""Forced scoring: how probable is a given translation."""

import tensorflow as tf

from shared_transformer_tf import config


def log_probabilities(logits: tf.Tensor, target_ids: tf.Tensor) -> tf.Tensor:
    """Sums the log-probabilities of target tokens, the end symbol's too.

    Args:
        logits: (batch, target, vocabulary), of a model that was given the
            target shifted by the start symbol.
        target_ids: (batch, target) int32, 0 pads.

    Returns:
        (batch,) float32: natural logarithm of the sentence's probability.
    """
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=target_ids, logits=tf.cast(logits, tf.float32)
    )
    mask = tf.cast(target_ids != config.PAD_ID, tf.float32)
    return -tf.reduce_sum(losses * mask, -1)
