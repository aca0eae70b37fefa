"""What a training step does with the gradients of a batch."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import keras

from shared_transformer_tf.config import UPDATE_SCALINGS
from shared_transformer_tf.training.gradient_rules import GradientRules


@dataclasses.dataclass(frozen=True)
class StepSettings:
    """Arguments of `NormalizedGradientModel.compile` of its own.

    Attributes:
        label_smoothing: probability that the loss per token spreads over the
            vocabulary.
        clip_norm: bound on the global norm of the aggregated gradient of the
            mean loss; 0 does not clip.
        gradient_rule: how the gradients of a weight's uses make one: see
            `GradientRules`.
        per_use_clip_norm: of the rule `clip`.
        update_scaling: what divides the learning rate of a weight: `none`,
            `sqrt_uses` or `uses`.
        accumulation_steps: slices that a batch is taken in, one after the
            other, to save memory.
        max_gradient_norm: a gradient of larger norm is not applied; 0 applies
            every finite one.

    Raises:
        ValueError: if one is out of range.
    """

    label_smoothing: float = 0.0
    clip_norm: float = 0.0
    gradient_rule: str | Mapping[str, str] = "none"
    per_use_clip_norm: float = 0.0
    update_scaling: str = "none"
    accumulation_steps: int = 1
    max_gradient_norm: float = 0.0

    def __post_init__(self):
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(
                f"`label_smoothing` is {self.label_smoothing}, expected a "
                "probability below 1."
            )
        for name in ("clip_norm", "per_use_clip_norm", "max_gradient_norm"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(
                    f"`{name}` is {getattr(self, name)}, expected a finite "
                    "number, or 0 for none."
                )
        if self.accumulation_steps < 1:
            raise ValueError(
                f"`accumulation_steps` is {self.accumulation_steps}, expected "
                "1 or more."
            )
        if self.update_scaling not in UPDATE_SCALINGS:
            raise ValueError(
                f"Unknown `update_scaling` {self.update_scaling!r}. Valid: "
                f"{', '.join(UPDATE_SCALINGS)}."
            )
        rules = self.rules()
        if self.per_use_clip_norm and not rules.clips:
            raise ValueError(
                f"`per_use_clip_norm` is {self.per_use_clip_norm}, but no "
                "gradient rule is `clip`: only that one reads it."
            )

    def weights_counted(
        self, weights: Sequence[keras.Variable]
    ) -> list[keras.Variable]:
        """Returns the weights of which the number of uses has to be right."""
        if self.update_scaling != "none":
            return list(weights)
        return self.rules().wanting_counts(weights)

    def rules(self) -> GradientRules:
        """Returns the rule of each weight."""
        return GradientRules(self.gradient_rule, self.per_use_clip_norm)
