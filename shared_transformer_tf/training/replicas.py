"""What the replicas of a training step have to agree on.

Everything here is called in replica context, and does its part where there
is but one replica as well.
"""

from collections.abc import Sequence

import keras
import tensorflow as tf


def number_of_replicas() -> int:
    """Returns how many replicas take part in the step."""
    return _context().num_replicas_in_sync


def replica_number() -> tf.Tensor:
    """Returns the number of this replica, int32, from 0."""
    return tf.cast(_context().replica_id_in_sync_group, tf.int32)


def sum_over_replicas(tensors: list[tf.Tensor]) -> list[tf.Tensor]:
    """Returns the sums of dense tensors over all replicas, on each."""
    if number_of_replicas() == 1:
        return tensors
    sums: dict[int, tf.Tensor] = {}
    # TensorFlow packs what it reduces into one tensor, so of one type.
    for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
        places = [i for i, t in enumerate(tensors) if t.dtype == dtype]
        reduced = _context().all_reduce(
            tf.distribute.ReduceOp.SUM, [tensors[place] for place in places]
        )
        sums |= zip(places, reduced, strict=True)
    return [sums[place] for place in range(len(tensors))]


def loss_scale(optimizer: keras.optimizers.Optimizer) -> tf.Tensor:
    """Returns what the optimizer scales losses by, float32, 1 where not."""
    return tf.convert_to_tensor(optimizer.scale_loss(tf.constant(1.0)))


def apply_if(
    good: tf.Tensor,
    finite: tf.Tensor,
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[tf.Tensor],
    weights: Sequence[keras.Variable],
) -> None:
    """Does an update that all replicas do, or none.

    A `LossScaleOptimizer` halves its scale where something is not finite, but
    no further than to below 1: what overflows then does so of itself.

    Args:
        good: bool scalar, the same on all replicas: whether to do it.
        finite: bool scalar, likewise: whether loss and gradient are.
        optimizer: built.
        gradients: the same on all replicas, unscaled.
        weights: to be updated.
    """
    # Keras sums over the replicas what each one hands to its optimizer.
    replicas = number_of_replicas()
    if replicas > 1:
        gradients = [g / replicas for g in gradients]
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        # It divides by its scale and looks for what is not finite itself.
        scale = loss_scale(optimizer)
        factor = tf.where(good, scale, float("nan"))
        gradients = [g * tf.cast(factor, g.dtype) for g in gradients]
        good |= ~finite & (scale > 1.0)
    elif optimizer.loss_scale_factor:  # by which it divides
        gradients = [g * optimizer.loss_scale_factor for g in gradients]
    if (
        replicas == 1
        or tf.__internal__.distribute.strategy_supports_no_merge_call()
    ):
        _apply_under_condition(good, optimizer, gradients, weights)
    else:
        # A condition around what merges replicas has to stand outside them.
        def across(strategy, good, gradients):
            def apply():
                strategy.extended.call_for_each_replica(
                    lambda g: optimizer.apply(g, weights), args=(gradients,)
                )

            good = strategy.experimental_local_results(good)[0]
            tf.cond(good, apply, lambda: None)

        _context().merge_call(across, args=(good, list(gradients)))


def _apply_under_condition(good, optimizer, gradients, weights) -> None:
    def apply():
        optimizer.apply(gradients, weights)
        return tf.constant(True)

    tf.cond(good, apply, lambda: tf.constant(False))


def _context() -> tf.distribute.ReplicaContext:
    context = tf.distribute.get_replica_context()
    if context is None:
        raise RuntimeError(
            "A training step runs in replica context: call it by "
            "`strategy.run`, as `fit` does."
        )
    return context
