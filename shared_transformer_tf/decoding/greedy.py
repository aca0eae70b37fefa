"""Paths that are decoded one token at a time, each on its own."""

from collections.abc import Callable

import tensorflow as tf

from shared_transformer_tf import config
from shared_transformer_tf.decoding import hypotheses


def greedy_search(
    space: hypotheses.SearchSpace, options: config.DecodingConfig
) -> hypotheses.Hypotheses:
    """Takes the most probable token at every step.

    Cheaper than a beam: no state is ever reordered.

    Args:
        space: what to decode; its state has one beam.
        options: how scores are normalised.

    Returns:
        One hypothesis per row.
    """

    def choose(logits: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
        del position
        return tf.argmax(logits, -1, output_type=tf.int32)

    return follow(space, 1, choose, options)


def follow(
    space: hypotheses.SearchSpace,
    num_paths: int,
    choose: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    options: config.DecodingConfig,
) -> hypotheses.Hypotheses:
    """Extends paths by chosen tokens until they end or meet their limit.

    Args:
        space: what to decode; its state has `num_paths` beams.
        num_paths: independent paths per row.
        choose: (logits (batch, paths, vocabulary), position) -> int32
            (batch, paths). Padding and start symbol have logits of -1e9.
        options: how scores are normalised.

    Returns:
        `num_paths` hypotheses per row, in no order.
    """
    limits = space.limits[:, tf.newaxis]

    def advance(position, active, ids, log_probabilities, coverage, state):
        logits, attention, state = space.step_fn(ids[:, :, -1], position, state)
        tokens = choose(_without_symbols(logits), position)
        gained = tf.gather(logits, tokens, batch_dims=2)
        gained -= tf.reduce_logsumexp(logits, -1)
        log_probabilities += tf.where(active, gained, 0.0)
        if options.coverage_penalty:
            running = tf.cast(active, tf.float32)[:, :, tf.newaxis]
            coverage += attention * running
        tokens = tf.where(active, tokens, config.PAD_ID)
        ids = tf.concat([ids, tokens[:, :, tf.newaxis]], 2)
        position += 1
        active &= (tokens != config.END_ID) & (position < limits)
        return position, active, ids, log_probabilities, coverage, state

    paths = tf.TensorShape([None, num_paths])
    shapes = (tf.TensorShape([]), paths, paths + [None], paths, paths + [None])
    _, _, ids, log_probabilities, coverage, _ = tf.while_loop(
        lambda position, active, *_: tf.reduce_any(active),
        advance,
        _first(space, num_paths, options),
        shape_invariants=(*shapes, hypotheses.growing_shapes(space.state)),
    )
    ids = ids[:, :, 1:]
    lengths = tf.math.count_nonzero(ids, -1, dtype=tf.int32)
    scores = hypotheses.normalized_scores(
        log_probabilities, lengths, coverage, space, options
    )
    ended = tf.reduce_any(ids == config.END_ID, -1)
    return hypotheses.Hypotheses(
        ids,
        scores,
        log_probabilities,
        lengths,
        truncated=(limits > 0) & ~ended,
        counts=tf.fill(tf.shape(space.limits), num_paths),
    )


def _first(space, num_paths, options) -> tuple:
    shape = [tf.shape(space.limits)[0], num_paths]
    return (
        tf.constant(0),
        tf.broadcast_to(space.limits[:, tf.newaxis] > 0, shape),
        tf.fill([*shape, 1], config.START_ID),
        tf.zeros(shape),
        hypotheses.first_coverage(space, num_paths, options),
        space.state,
    )


def _without_symbols(logits: tf.Tensor) -> tf.Tensor:
    never = tf.one_hot(
        [config.PAD_ID, config.START_ID],
        logits.shape[-1],
        on_value=hypotheses.IMPOSSIBLE,
    )
    return logits + tf.reduce_sum(never, 0)
