"""Beam search as one graph loop."""

from typing import Any, NamedTuple

import tensorflow as tf

from shared_transformer_tf import config
from shared_transformer_tf.decoding import (
    candidates,
    greedy,
    hypotheses,
    live_rows,
)
from shared_transformer_tf.decoding.hypotheses import (
    IMPOSSIBLE,
    POSSIBLE,
    SearchSpace,
)


class _Finished(NamedTuple):
    """The best finished hypotheses of each row, best first."""

    scores: tf.Tensor  # (batch, best)
    log_probabilities: tf.Tensor  # (batch, best)
    ids: tf.Tensor  # (batch, best, 1 + position), start symbol first


class _Search(NamedTuple):
    """What the loop carries."""

    position: tf.Tensor  # ()
    active: tf.Tensor  # (batch,)
    log_probabilities: tf.Tensor  # (batch, beams), of what is alive
    ids: tf.Tensor  # (batch, beams, 1 + position)
    coverage: tf.Tensor  # (batch, beams, source), or no columns
    finished: _Finished
    state: Any


def beam_search(
    space: hypotheses.SearchSpace,
    options: config.DecodingConfig,
    num_best: int = 1,
) -> hypotheses.Hypotheses:
    """Searches for the hypotheses of the highest score.

    At each step the 2K best extensions of the K alive hypotheses are
    candidates. Those among the K best that end are finished, and the
    `num_best` best finished ones are kept; the K best others stay alive. A
    row stops at its limit, or when no alive hypothesis can still reach a
    score among the kept ones: log-probabilities only fall, so that its own,
    divided by the penalty of the row's limit, bounds its future score.
    Nothing in a row depends on the others.

    A beam of one is greedy search, whatever the length penalty.

    Args:
        space: what to decode; its state has `options.beam_size` beams, or as
            many as the row of the largest of its own beam sizes.
        options: beam size, at least those of the rows, and penalties.
        num_best: hypotheses wanted per row, at most the beam size. It does
            not change which are found, only how long the search goes on.

    Returns:
        Up to `num_best` distinct hypotheses per row. Rows of which nothing
        finished give what was alive at their limit, marked as truncated.
    """
    if options.beam_size == 1 and space.beam_sizes is None:
        return greedy.greedy_search(space, options)
    return _BeamSearch(space, options, num_best).run(space)


class _BeamSearch:
    """The loop's parts, for some or all rows of a search space."""

    def __init__(self, space, options, num_best):
        self.options = options
        self.num_beams = options.beam_size
        if space.beam_sizes is not None:
            self.num_beams = hypotheses.most_beams(space.beam_sizes)
        self.num_best = num_best

    def run(self, space: SearchSpace) -> hypotheses.Hypotheses:
        loop = live_rows.Loop(self.shapes(space), self.advance, self.results)
        return live_rows.run(space, self.first(space), loop)

    def shapes(self, space: SearchSpace) -> _Search:
        known = self.num_beams if isinstance(self.num_beams, int) else None
        beams = tf.TensorShape([None, known])
        best = tf.TensorShape([None, self.num_best])
        return _Search(
            position=tf.TensorShape([]),
            active=tf.TensorShape([None]),
            log_probabilities=beams,
            ids=beams + [None],
            coverage=beams + [None],
            finished=_Finished(best, best, best + [None]),
            state=hypotheses.growing_shapes(space.state),
        )

    def first(self, space: SearchSpace) -> _Search:
        batch = tf.shape(space.limits)[0]
        alive = tf.one_hot(
            [0], self.num_beams, on_value=0.0, off_value=IMPOSSIBLE
        )
        best = [batch, self.num_best]
        return _Search(
            position=tf.constant(0),
            active=space.limits > 0,
            log_probabilities=tf.tile(alive, [batch, 1]),
            ids=tf.fill([batch, self.num_beams, 1], config.START_ID),
            coverage=hypotheses.first_coverage(
                space, self.num_beams, self.options
            ),
            finished=_Finished(
                tf.fill(best, IMPOSSIBLE),
                tf.fill(best, IMPOSSIBLE),
                tf.zeros([*best, 1], tf.int32),
            ),
            state=space.state,
        )

    def advance(self, space: SearchSpace, search: _Search) -> _Search:
        logits, attention, state = space.step_fn(
            search.ids[:, :, -1], search.position, search.state, space.context
        )
        active = search.active[:, tf.newaxis]
        if self.options.coverage_penalty:
            running = tf.cast(active, tf.float32)[:, tf.newaxis]
            search = search._replace(
                coverage=search.coverage + attention * running
            )
        # each (batch, 2 beams), best first
        log_probabilities, parents, tokens = candidates.best_extensions(
            logits,
            search.log_probabilities,
            self.num_beams,
            self.options.beam_size,
        )
        if space.beam_sizes is not None:
            log_probabilities = candidates.first_ones(
                log_probabilities, 2 * space.beam_sizes
            )
        finished = self.collect(
            space, search, log_probabilities, parents, tokens
        )
        alive, chosen = tf.math.top_k(
            tf.where(tokens == config.END_ID, IMPOSSIBLE, log_probabilities),
            self.num_beams,
        )
        if space.beam_sizes is not None:
            alive = candidates.first_ones(alive, space.beam_sizes)
        parents = tf.gather(parents, chosen, batch_dims=1)
        tokens = tf.gather(tokens, chosen, batch_dims=1)
        # rows that have stopped stay as they are
        alive = tf.where(active, alive, search.log_probabilities)
        parents = tf.where(active, parents, tf.range(self.num_beams))
        tokens = tf.where(active, tokens, config.PAD_ID)
        position = search.position + 1
        return _Search(
            position=position,
            active=search.active
            & (position < space.limits)
            & self.hopeful(space, alive[:, 0], finished),
            log_probabilities=alive,
            ids=_extended(search.ids, parents, tokens),
            coverage=tf.gather(search.coverage, parents, batch_dims=1),
            finished=finished,
            state=space.reorder(state, parents),
        )

    def hopeful(
        self, space: SearchSpace, alive: tf.Tensor, finished: _Finished
    ) -> tf.Tensor:
        """Whether the best alive hypothesis may still be among the best."""
        penalty = space.length_penalty(
            space.limits[:, tf.newaxis], self.options
        )
        reachable = alive / penalty[:, 0]
        result = (alive > POSSIBLE) & (reachable > finished.scores[:, -1])
        if space.beam_sizes is not None:  # a beam of one is greedy search
            ended = finished.scores[:, 0] > POSSIBLE
            result &= ~(ended & (space.beam_sizes == 1))
        return result

    def collect(
        self,
        space: SearchSpace,
        search: _Search,
        log_probabilities: tf.Tensor,
        parents: tf.Tensor,
        tokens: tf.Tensor,
    ) -> _Finished:
        """Merges the candidates that end into the finished hypotheses."""
        log_probabilities = log_probabilities[:, : self.num_beams]
        if space.beam_sizes is not None:
            log_probabilities = candidates.first_ones(
                log_probabilities, space.beam_sizes
            )
        parents = parents[:, : self.num_beams]
        tokens = tokens[:, : self.num_beams]
        ends = (tokens == config.END_ID) & (log_probabilities > POSSIBLE)
        scores = hypotheses.normalized_scores(
            log_probabilities,
            search.position + 1,
            tf.gather(search.coverage, parents, batch_dims=1),
            space,
            self.options,
        )
        ends &= search.active[:, tf.newaxis]
        new = _Finished(
            tf.where(ends, scores, IMPOSSIBLE),
            log_probabilities,
            _extended(search.ids, parents, tokens),
        )
        old = search.finished
        old = old._replace(ids=tf.pad(old.ids, [[0, 0], [0, 0], [0, 1]]))
        return _best(old, new, self.num_best)

    def results(
        self, space: SearchSpace, search: _Search
    ) -> hypotheses.Hypotheses:
        unfinished = search.finished.scores[:, :1] < POSSIBLE  # (batch, 1)
        usable = unfinished & (search.log_probabilities > POSSIBLE)
        alive = _Finished(
            tf.where(usable, self.alive_scores(space, search), IMPOSSIBLE),
            search.log_probabilities,
            search.ids,
        )
        best = _best(search.finished, alive, self.num_best)
        exists = best.scores > POSSIBLE
        ids = tf.where(exists[:, :, tf.newaxis], best.ids, config.PAD_ID)
        ids = ids[:, :, 1:]
        limited = space.limits[:, tf.newaxis] > 0
        return hypotheses.Hypotheses(
            ids=ids,
            scores=best.scores,
            log_probabilities=tf.where(
                exists, best.log_probabilities, IMPOSSIBLE
            ),
            lengths=tf.math.count_nonzero(ids, -1, dtype=tf.int32),
            truncated=exists & unfinished & limited,
            counts=tf.math.count_nonzero(exists, -1, dtype=tf.int32),
        )

    def alive_scores(self, space: SearchSpace, search: _Search) -> tf.Tensor:
        lengths = tf.math.count_nonzero(search.ids[:, :, 1:], -1)
        return hypotheses.normalized_scores(
            search.log_probabilities,
            lengths,
            search.coverage,
            space,
            self.options,
        )


def _extended(
    ids: tf.Tensor, parents: tf.Tensor, tokens: tf.Tensor
) -> tf.Tensor:
    ids = tf.gather(ids, parents, batch_dims=1)
    return tf.concat([ids, tokens[:, :, tf.newaxis]], 2)


def _best(old: _Finished, new: _Finished, count: int) -> _Finished:
    scores, log_probabilities, ids = (
        tf.concat(pair, 1) for pair in zip(old, new, strict=True)
    )
    scores, index = tf.math.top_k(scores, count)
    return _Finished(
        scores,
        tf.gather(log_probabilities, index, batch_dims=1),
        tf.gather(ids, index, batch_dims=1),
    )
