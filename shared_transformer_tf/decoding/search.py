"""A translation model as a search space."""

from typing import NamedTuple

import tensorflow as tf

from shared_transformer_tf import config
from shared_transformer_tf.decoding import beam_search, hypotheses


def row_limits(
    source_ids: tf.Tensor, options: config.DecodingConfig, max_length: int
) -> tf.Tensor:
    """Returns how many tokens each row may get, end symbol included.

    Args:
        source_ids: (batch, source) int32, each row ending with the end
            symbol, 0 pads.
        options: factor and offset on the source tokens, the end not counted.
        max_length: the highest limit.

    Returns:
        (batch,) int32, at least 1; 0 for a source without tokens.
    """
    lengths = tf.math.count_nonzero(source_ids, -1, dtype=tf.int32) - 1
    limits = options.max_length_factor * tf.cast(lengths, tf.float32)
    limits += options.max_length_offset
    # before the cast: beyond int32 it would turn negative
    limits = tf.clip_by_value(limits, 1.0, float(max_length))
    limits = tf.cast(limits, tf.int32)
    return tf.where(lengths > 0, limits, 0)


def search_space(
    model,
    source_ids: tf.Tensor,
    num_beams: int | tf.Tensor,
    limits: tf.Tensor,
    max_length: int,
) -> hypotheses.SearchSpace:
    """Returns the search space of a model over encoded sources.

    Args:
        model: has `start_decoding`, `initial_state`, whose result can be
            `reordered`, and `step_function`; see `SharedTransformer`.
        source_ids: (batch, source) int32.
        num_beams: hypotheses carried per row.
        limits: (batch,) int32; see `row_limits`.
        max_length: the highest limit that there can be.
    """
    return hypotheses.SearchSpace(
        step_fn=model.step_function(max_length),
        state=model.initial_state(tf.shape(source_ids)[0], num_beams),
        limits=limits,
        source_mask=source_ids != config.PAD_ID,
        context=model.start_decoding(source_ids),
        reorder=lambda state, parents: state.reordered(parents),
    )


def search(
    model,
    source_ids: tf.Tensor,
    options: config.DecodingConfig,
    max_length: int,
    num_best: int = 1,
) -> hypotheses.Hypotheses:
    """Translates token ids; the part that `Translator` and exports share.

    Args:
        model: see `search_space`.
        source_ids: (batch, source) int32, each row ending with the end
            symbol, 0 pads.
        options: the search.
        max_length: tokens of a translation at most, end symbol included.
        num_best: hypotheses per row.
    """
    limits = row_limits(source_ids, options, max_length)
    space = search_space(
        model, source_ids, options.beam_size, limits, max_length
    )
    return beam_search.beam_search(space, options, num_best)


class RowOptions(NamedTuple):
    """What each row of a batch may have of its own.

    Attributes:
        beam_sizes: (batch,) int32, from 1 to the options' beam size.
        alphas: (batch,) float32, at least 0.
        max_lengths: (batch,) int32, tokens of the translation at most.
    """

    beam_sizes: tf.Tensor
    alphas: tf.Tensor
    max_lengths: tf.Tensor


def search_by_row(
    model,
    source_ids: tf.Tensor,
    options: config.DecodingConfig,
    max_length: int,
    rows: RowOptions,
) -> hypotheses.Hypotheses:
    """Translates token ids, with options of each row.

    A row gets what `search` gives it under options of its own, whatever the
    other rows have.

    Args:
        model: see `search_space`.
        source_ids: as of `search`.
        options: what rows have in common; the largest beam size.
        max_length: the most that `rows.max_lengths` can allow.
        rows: of each row.

    Returns:
        One hypothesis per row.
    """
    limits = tf.minimum(
        row_limits(source_ids, options, max_length), rows.max_lengths
    )
    num_beams = hypotheses.most_beams(rows.beam_sizes)
    space = search_space(model, source_ids, num_beams, limits, max_length)
    space = space._replace(beam_sizes=rows.beam_sizes, alphas=rows.alphas)
    return beam_search.beam_search(space, options)
