"""A search's loop, from which rows drop out when they are done."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from shared_transformer_tf.decoding.hypotheses import Hypotheses, SearchSpace

_FEW = 8  # rows; below it a step costs about the same for one row as for all


class Loop(NamedTuple):
    """A search, of all rows of a space or of some.

    Attributes:
        shapes: of the search in the loop, the batch being `None`. A search is
            a named tuple of nests of tensors, leading dimension the batch, or
            scalars; its `active` tells what is not done, (batch,) or (batch,
            paths).
        advance: does one step, of the space and search of some rows.
        results: of them, once they are done.
    """

    shapes: Any
    advance: Callable[[SearchSpace, Any], Any]
    results: Callable[[SearchSpace, Any], Hypotheses]


def run(space: SearchSpace, search: Any, loop: Loop) -> Hypotheses:
    """Advances a search until no row of it is active.

    Whenever half of the rows are done, the others go on without them, so
    that a long row does not make all of its batch wait.

    Args:
        space: of all rows.
        search: before the first step.
        loop: how to go on.

    Returns:
        The results of every row.
    """

    def phase(rows, facts, search, done, found):
        here = space._replace(**facts)
        search = _advance_until_half(here, search, loop)
        active = _active(search)
        ended, left = tf.where(~active)[:, 0], tf.where(active)[:, 0]
        results = loop.results(
            here._replace(**_gathered(facts, ended)), _gathered(search, ended)
        )
        return (
            tf.gather(rows, left),
            _gathered(facts, left),
            _gathered(search, left),
            tf.concat([done, tf.gather(rows, ended)], 0),
            _joined(found, results),
        )

    facts = space.of_rows()
    rows = tf.range(tf.size(space.limits))
    found = _gathered(loop.results(space, search), rows[:0])
    any_rows = tf.TensorShape([None])
    *_, done, found = tf.while_loop(
        lambda rows, *_: tf.size(rows) > 0,
        phase,
        (rows, facts, search, rows[:0], found),
        shape_invariants=(
            any_rows,
            tf.nest.map_structure(_any_batch, facts),
            loop.shapes,
            any_rows,
            tf.nest.map_structure(_any_batch, found)._replace(
                ids=tf.TensorShape([None, found.ids.shape[1], None])
            ),
        ),
    )
    return _gathered(found, tf.math.invert_permutation(done))


def _advance_until_half(space: SearchSpace, search: Any, loop: Loop) -> Any:
    number = tf.size(space.limits)
    enough = tf.where(number > _FEW, number // 2, 0)
    (search,) = tf.while_loop(
        lambda search: _count(search) > enough,
        lambda search: (loop.advance(space, search),),
        (search,),
        shape_invariants=(loop.shapes,),
    )
    return search


def _active(search) -> tf.Tensor:
    active = search.active
    return active if active.shape.rank == 1 else tf.reduce_any(active, 1)


def _count(search) -> tf.Tensor:
    return tf.math.count_nonzero(_active(search), dtype=tf.int32)


def _any_batch(tensor: tf.Tensor) -> tf.TensorShape:
    return tf.TensorShape([None, *tensor.shape[1:]])


def _gathered(nest, rows: tf.Tensor):
    return tf.nest.map_structure(
        lambda x: tf.gather(x, rows) if len(x.shape) else x, nest
    )


def _joined(found: Hypotheses, new: Hypotheses) -> Hypotheses:
    longer = tf.shape(new.ids)[2] - tf.shape(found.ids)[2]
    found = found._replace(ids=tf.pad(found.ids, [[0, 0], [0, 0], [0, longer]]))
    return tf.nest.map_structure(lambda *x: tf.concat(x, 0), found, new)
