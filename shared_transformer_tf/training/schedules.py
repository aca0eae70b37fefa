"""Learning rates over updates."""

import math

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="shared_transformer_tf")
class WarmupSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly to a highest rate, then follows a curve.

    Update number n counts from 1, so that the first has not rate 0.

    Args:
        learning_rate: the highest, reached at update `warmup_steps`.
        warmup_steps: updates of the rise; 0 starts at the top.
        curve: `inverse_sqrt` falls as 1/sqrt(n), `constant` stays, `linear`
            and `cosine` fall to 0 at update `max_steps`.
        max_steps: the end of the last two.

    Reference:
        `inverse_sqrt`: Vaswani et al., arXiv 1706.03762.
    """

    def __init__(
        self,
        learning_rate: float,
        warmup_steps: int,
        curve: str = "inverse_sqrt",
        max_steps: int | None = None,
    ):
        if curve not in ("inverse_sqrt", "constant", "linear", "cosine"):
            raise ValueError(
                f"`curve` is {curve!r}; choose inverse_sqrt, constant, linear "
                "or cosine."
            )
        if curve in ("linear", "cosine") and max_steps is None:
            raise ValueError(f"The curve {curve!r} needs `max_steps`.")
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps
        self.curve = curve
        self.max_steps = max_steps

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the rate of the update after `step` updates, float32."""
        update = tf.cast(step, tf.float32) + 1.0
        warmup = float(max(self.warmup_steps, 1))
        rise = tf.minimum(update / warmup, 1.0)
        return self.learning_rate * rise * self._fall(update, warmup)

    def _fall(self, update: tf.Tensor, warmup: float) -> tf.Tensor | float:
        if self.curve == "constant":
            return 1.0
        if self.curve == "inverse_sqrt":
            return tf.sqrt(warmup / tf.maximum(update, warmup))
        span = max(self.max_steps - warmup, 1.0)
        done = tf.clip_by_value((update - warmup) / span, 0.0, 1.0)
        if self.curve == "linear":
            return 1.0 - done
        return 0.5 * (1.0 + tf.cos(math.pi * done))

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return {
            "learning_rate": self.learning_rate,
            "warmup_steps": self.warmup_steps,
            "curve": self.curve,
            "max_steps": self.max_steps,
        }
