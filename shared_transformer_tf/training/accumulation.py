"""A batch taken in slices, so that its activations need not fit at once."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def sum_over_slices(
    function: Callable[[Any, tf.Tensor], list[tf.Tensor]],
    batch: Any,
    slices: int,
    shapes: list[tf.TensorSpec],
) -> list[tf.Tensor]:
    """Returns the sum of what a function gives for slices of the rows.

    The rows are dealt out as evenly as can be: none is repeated and none is
    padded. A batch of fewer rows than slices gives a slice for each row.

    Args:
        function: of a slice and its number; graphs trace it once.
        batch: nest of tensors or arrays (rows, ...) and `None`.
        slices: at least 1.
        shapes: of what `function` returns.
    """
    # Keras hands the arrays of `train_on_batch` on where it runs eagerly.
    batch = tf.nest.map_structure(
        lambda part: (
            part
            if part is None or tf.is_tensor(part)
            else tf.convert_to_tensor(part)
        ),
        batch,
    )
    first = next(t for t in tf.nest.flatten(batch) if t is not None)
    rows = tf.shape(first)[0]
    known = first.shape[0]
    number = tf.minimum(slices, rows)

    def body(index, totals):
        start = index * rows // number
        size = (index + 1) * rows // number - start

        def cut(tensor):
            if tensor is None:  # sample weights that are not there
                return None
            part = tensor[start : start + size]
            if known is not None and known % slices == 0:
                part.set_shape([known // slices, *tensor.shape[1:]])
            return part

        values = function(tf.nest.map_structure(cut, batch), index)
        totals = [
            total + value for total, value in zip(totals, values, strict=True)
        ]
        return index + 1, totals

    zeros = [tf.zeros(spec.shape, spec.dtype) for spec in shapes]
    _, totals = tf.while_loop(
        lambda index, _: index < number,
        body,
        (tf.constant(0), zeros),
        parallel_iterations=1,
        maximum_iterations=slices,
    )
    return totals
