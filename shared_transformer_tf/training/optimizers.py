"""Keras optimizers by name, with the settings of a training config."""

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
