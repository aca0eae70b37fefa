"""A Keras loss of a batch that may lie in slices and on several replicas.

Each part of the batch weighs by its rows, so a loss has to be a mean over
rows. Keras divides what `compute_loss` returns by the number of replicas, for
it sums their gradients; that is undone here.
"""

from typing import Any

import keras
import tensorflow as tf

from shared_transformer_tf.training import replicas


def check_reductions(loss: Any, parts: int) -> None:
    """Refuses losses that are no mean over the rows of a batch.

    Args:
        loss: as `compile` takes it, or several.
        parts: that a batch is taken in, on replicas or one after the other.

    Raises:
        ValueError: naming the reduction, and what to give instead.
    """
    for one in keras.tree.flatten(loss):
        reduction = getattr(one, "reduction", "sum_over_batch_size")
        whole = "a batch that is taken whole, on one replica"
        if reduction in (None, "none"):
            found, needs = "none", "one number for a batch"
        elif reduction in ("sum", "mean_with_sample_weight") and parts > 1:
            found, needs = reduction, f"{whole}, and this one has {parts} parts"
        else:
            continue
        raise ValueError(
            f"The `loss` {_name(one)} has "
            f"reduction={found!r}, which needs {needs}: give it "
            "reduction='sum_over_batch_size', the mean over rows."
        )


def mean_over_rows(
    model: keras.Model, data: tuple, outputs: Any
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the loss of a part of a batch, and its rows as float32.

    Losses that layers add and those of regularizers are in it. The metrics
    of `compile` are brought up to date.

    Args:
        model: compiled with a Keras loss.
        data: the part, in replica context.
        outputs: of the model.

    Raises:
        ValueError: if a loss gives no value for each row, on several
            replicas: Keras does not divide such a one by their number; or if
            a batch of several parts has masked outputs, for then Keras means
            the mean over what each part's mask leaves.
    """
    x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
    number = replicas.number_of_replicas()
    parts = number * model.step_settings.accumulation_steps
    if parts > 1 and any(map(_is_masked, keras.tree.flatten(outputs))):
        raise ValueError(
            f"The outputs have a mask, and the batch has {parts} parts: Keras "
            "takes the mean over what the mask leaves of each part. Switch "
            "the mask off (`mask_zero=False`) and give sample weights, or "
            "compile without `loss` for the loss per token."
        )
    if number > 1:
        _check_values_by_row(model.loss, y, outputs)
    loss = model.compute_loss(x, y, outputs, weight, training=True)
    if model._compile_metrics is not None:
        model._compile_metrics.update_state(y, outputs, weight)
    rows = tf.shape(tf.nest.flatten(x)[0])[0]
    return loss * number, tf.cast(rows, tf.float32)


def _check_values_by_row(loss: Any, y: Any, outputs: Any) -> None:
    losses, *values = map(keras.tree.flatten, (loss, y, outputs))
    if len(losses) == 1:
        losses *= len(values[0])
    for one, wanted, given in zip(losses, *values, strict=False):
        function = getattr(one, "call", one)
        if callable(function) and function(wanted, given).shape.rank == 0:
            raise ValueError(
                f"The `loss` {_name(one)} gives one number for "
                "a batch: on several replicas it has to give one for each row."
            )


def _is_masked(output: tf.Tensor) -> bool:
    return getattr(output, "_keras_mask", None) is not None


def _name(loss: Any) -> str:
    return getattr(loss, "name", None) or getattr(loss, "__name__", str(loss))
