"""What `compile` refuses: what would train otherwise than it says."""

from collections.abc import Mapping
from typing import Any

import keras

from shared_transformer_tf.training import keras_loss
from shared_transformer_tf.training.optimizers import unwrapped
from shared_transformer_tf.training.step_settings import StepSettings

_METRICS = ("metrics", "weighted_metrics")
_CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")


def check(
    optimizer: Any,
    loss: Any,
    settings: StepSettings,
    replicas: int,
    others: Mapping[str, Any],
) -> None:
    """Checks arguments of `compile` against each other.

    Args:
        optimizer: as in Keras.
        loss: as in Keras; `None` is the loss per token.
        settings: of the step.
        replicas: that a batch is divided over.
        others: further arguments, those of Keras.

    Raises:
        ValueError: saying what to give instead.
    """
    _check_loss(loss, settings, others)
    keras_loss.check_reductions(loss, settings.accumulation_steps * replicas)
    one = unwrapped(keras.optimizers.get(optimizer))
    if settings.update_scaling != "none" and isinstance(
        one, keras.optimizers.MultiOptimizer
    ):
        raise ValueError(
            f"`update_scaling` is {settings.update_scaling!r}, which scales "
            f"one optimizer's updates, and {type(one).__name__} has several: "
            "leave it 'none'."
        )
    for each in getattr(one, "optimizers", [one]):
        _check_optimizer(unwrapped(each), replicas)


def _check_loss(loss, settings, others) -> None:
    given = [name for name in _METRICS if others.get(name)]
    if loss is None and given:
        raise ValueError(
            f"`{given[0]}` needs logits, which the loss per token does "
            "not make: compile with a Keras `loss` to have it."
        )
    if loss is not None and settings.label_smoothing:
        raise ValueError(
            f"`label_smoothing` is {settings.label_smoothing}, which is of the "
            "loss per token: give it to the Keras `loss` instead."
        )


def _check_optimizer(optimizer, replicas: int) -> None:
    if getattr(optimizer, "gradient_accumulation_steps", None):
        raise ValueError(
            "The optimizer has gradient_accumulation_steps="
            f"{optimizer.gradient_accumulation_steps}, under which several "
            "batches would drop the same units: give `compile` "
            "`accumulation_steps` and larger batches instead."
        )
    clips = [name for name in _CLIPS if getattr(optimizer, name, None)]
    if clips and replicas > 1:
        raise ValueError(
            f"The optimizer has {clips[0]}={getattr(optimizer, clips[0])}, "
            f"which Keras holds against the {replicas} replicas' parts of a "
            "gradient: give `compile` a `clip_norm` instead."
        )
