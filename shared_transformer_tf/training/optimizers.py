"""Keras optimizers by name, with the settings of a training config."""

import math
from collections.abc import Sequence

import keras

from shared_transformer_tf.config import TrainingConfig
from shared_transformer_tf.training.schedules import WarmupSchedule


def make_optimizer(settings: TrainingConfig) -> keras.optimizers.Optimizer:
    """Returns the optimizer that the settings name.

    Clipping is not the optimizer's: the training step clips the aggregated
    gradient.

    Args:
        settings: checked already.
    """
    common = {
        "learning_rate": WarmupSchedule(
            settings.learning_rate,
            settings.warmup_steps,
            settings.schedule,
            settings.max_steps,
        ),
        "weight_decay": settings.weight_decay or None,
    }
    if settings.ema_decay:
        common |= {"use_ema": True, "ema_momentum": settings.ema_decay}
    adaptive = {
        "beta_1": settings.beta_1,
        "beta_2": settings.beta_2,
        "epsilon": settings.epsilon,
    }
    if settings.optimizer == "adam":
        return keras.optimizers.Adam(**adaptive, **common)
    if settings.optimizer == "adamw":
        common["weight_decay"] = settings.weight_decay  # its own default: 0.004
        return keras.optimizers.AdamW(**adaptive, **common)
    if settings.optimizer == "sgd":
        return keras.optimizers.SGD(momentum=settings.momentum, **common)
    return keras.optimizers.Adafactor(relative_step=False, **common)


def unwrapped(
    optimizer: keras.optimizers.Optimizer,
) -> keras.optimizers.Optimizer:
    """Returns the optimizer inside a `LossScaleOptimizer`, else itself.

    The wrapper has settings such as `use_ema` too, which say nothing.
    """
    return getattr(optimizer, "inner_optimizer", optimizer)


def last_rate(optimizer: keras.optimizers.Optimizer) -> float:
    """Returns the learning rate of the last update that was applied."""
    inner = unwrapped(optimizer)
    rate = inner._learning_rate
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        # of a replica's variable no number is made directly
        updates = keras.ops.convert_to_tensor(inner.iterations)
        return float(rate(keras.ops.maximum(updates - 1, 0)))
    return float(inner.learning_rate)


def scale_updates(
    optimizer: keras.optimizers.Optimizer,
    scaling: str,
    weights: Sequence[keras.Variable],
    uses: Sequence[int],
) -> None:
    """Lowers the learning rate of weights that are used several times.

    One change of a weight is felt at each of its uses. Adam divides any
    factor of the gradient out; a factor of the rate it does not. Weight decay
    keeps the optimizer's own rate. Adafactor then takes the lower of the
    rate and 1 / sqrt(updates): what is above that is lowered to it, scaled or
    not.

    Args:
        optimizer: changed in place; may be a `LossScaleOptimizer`.
        scaling: `none`, `sqrt_uses` or `uses`, what the rate is divided by.
        weights: that the optimizer updates.
        uses: of each weight in one forward pass.
    """
    inner = unwrapped(optimizer)
    plain = type(inner).update_step
    divisors = {
        id(weight): count if scaling == "uses" else math.sqrt(count)
        for weight, count in zip(weights, uses, strict=True)
        if scaling != "none" and count > 1
    }

    def update_step(gradient, variable, learning_rate):
        # Keras hands over variables of its own or of TensorFlow's.
        own = inner._trainable_variables[inner._get_variable_index(variable)]
        divisor = divisors.get(id(own), 1)
        plain(inner, gradient, variable, learning_rate / divisor)

    vars(inner).pop("update_step", None)
    if divisors:
        inner.update_step = update_step
