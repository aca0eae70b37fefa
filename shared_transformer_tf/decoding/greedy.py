"""Paths that are decoded one token at a time, each on its own."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from shared_transformer_tf import config
from shared_transformer_tf.decoding import hypotheses, live_rows
from shared_transformer_tf.decoding.hypotheses import SearchSpace


class _Paths(NamedTuple):
    """What the loop carries."""

    position: tf.Tensor  # ()
    active: tf.Tensor  # (batch, paths)
    ids: tf.Tensor  # (batch, paths, 1 + position), start symbol first
    log_probabilities: tf.Tensor  # (batch, paths)
    coverage: tf.Tensor  # (batch, paths, source), or no columns
    state: Any


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
    first = _first(space, num_paths, options)
    each = tf.TensorShape([None, num_paths])
    shapes = _Paths(
        tf.TensorShape([]),
        each,
        each + [None],
        each,
        each + [None],
        hypotheses.growing_shapes(space.state),
    )
    advance = functools.partial(_advance, choose, options)
    results = functools.partial(_results, options)
    return live_rows.run(space, first, live_rows.Loop(shapes, advance, results))


def _advance(choose, options, space: SearchSpace, paths: _Paths) -> _Paths:
    position, active = paths.position, paths.active
    logits, attention, state = space.step_fn(
        paths.ids[:, :, -1], position, paths.state, space.context
    )
    tokens = choose(_without_symbols(logits), position)
    gained = tf.gather(logits, tokens, batch_dims=2)
    gained -= tf.reduce_logsumexp(logits, -1)
    coverage = paths.coverage
    if options.coverage_penalty:
        running = tf.cast(active, tf.float32)[:, :, tf.newaxis]
        coverage += attention * running
    tokens = tf.where(active, tokens, config.PAD_ID)
    position += 1
    limited = position < space.limits[:, tf.newaxis]
    return _Paths(
        position,
        active & (tokens != config.END_ID) & limited,
        tf.concat([paths.ids, tokens[:, :, tf.newaxis]], 2),
        paths.log_probabilities + tf.where(active, gained, 0.0),
        coverage,
        state,
    )


def _results(
    options, space: SearchSpace, paths: _Paths
) -> hypotheses.Hypotheses:
    ids = paths.ids[:, :, 1:]
    lengths = tf.math.count_nonzero(ids, -1, dtype=tf.int32)
    ended = tf.reduce_any(ids == config.END_ID, -1)
    return hypotheses.Hypotheses(
        ids,
        hypotheses.normalized_scores(
            paths.log_probabilities,
            lengths,
            paths.coverage,
            space,
            options,
        ),
        paths.log_probabilities,
        lengths,
        truncated=(space.limits > 0)[:, tf.newaxis] & ~ended,
        counts=tf.fill(tf.shape(space.limits), ids.shape[1]),
    )


def _first(space, num_paths, options) -> _Paths:
    shape = [tf.shape(space.limits)[0], num_paths]
    return _Paths(
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
