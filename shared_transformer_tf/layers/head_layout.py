"""Heads beside each other, and heads before positions, as attention needs.

`split_heads` and `join_heads` are for whole sequences. For a few positions of
each row, `by_head` and `by_position` move them by a gather, which is several
times faster on CPUs than a transposition.
"""

import tensorflow as tf


def split_heads(x: tf.Tensor, num_heads: int) -> tf.Tensor:
    """Turns (batch, length, hidden) to (batch, heads, length, head)."""
    shape = tf.shape(x)
    head_dim = x.shape[-1] // num_heads
    x = tf.reshape(x, [shape[0], shape[1], num_heads, head_dim])
    return tf.transpose(x, [0, 2, 1, 3])


def join_heads(x: tf.Tensor) -> tf.Tensor:
    """Turns (batch, heads, length, head) to (batch, length, hidden)."""
    shape = tf.shape(x)
    hidden_dim = x.shape[1] * x.shape[3]
    x = tf.transpose(x, [0, 2, 1, 3])
    return tf.reshape(x, [shape[0], shape[2], hidden_dim])


def by_head(
    x: tf.Tensor, num_positions: int | tf.Tensor, num_heads: int, parts: int = 1
) -> list[tf.Tensor]:
    """Splits projections of positions into heads.

    Args:
        x: (batch * positions, parts * heads * head).
        num_positions: of a row of the batch.
        num_heads: of each part.
        parts: side by side in `x`, such as query, key and value.

    Returns:
        The parts, each (batch, heads, positions, head).
    """
    groups = parts * num_heads
    head_dim = x.shape[-1] // groups
    pieces = tf.reshape(x, [-1, num_positions * groups, head_dim])
    positions = tf.range(num_positions) * groups
    order = tf.range(groups)[:, tf.newaxis] + positions  # (groups, positions)
    return [
        tf.reshape(
            tf.gather(pieces, tf.reshape(part, [-1]), axis=1),
            [-1, num_heads, num_positions, head_dim],
        )
        for part in tf.split(order, parts)
    ]


def by_position(x: tf.Tensor) -> tf.Tensor:
    """Joins heads: (batch, heads, positions, head) to (rows, hidden).

    Returns:
        (batch * positions, heads * head).
    """
    num_heads, num_positions, head_dim = x.shape[1:]
    if num_positions is None:
        num_positions = tf.shape(x)[2]
    pieces = tf.reshape(x, [-1, num_heads * num_positions, head_dim])
    heads = tf.range(num_heads) * num_positions
    order = tf.range(num_positions)[:, tf.newaxis] + heads
    pieces = tf.gather(pieces, tf.reshape(order, [-1]), axis=1)
    return tf.reshape(pieces, [-1, num_heads * head_dim])
