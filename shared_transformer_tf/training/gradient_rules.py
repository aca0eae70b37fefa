"""Rules that make one gradient of a weight's gradients per use.

With g the sum over the N uses of g_u, all of them of the mean loss per token
over every micro-batch and replica:

    none       g
    uses       g / N
    sqrt_uses  g / sqrt(N)
    aligned    g * rms_u |g_u| / |g|, as long as a typical use's gradient
    unit       mean_u g_u / |g_u|, rescaled to |g|
    clip       sum_u g_u, each clipped to a norm

The first three multiply by a constant, which Adam divides out again: they act
through the clip of the global norm, epsilon, and optimizers that are not
invariant to the gradient's scale. `aligned` is a factor that changes from
step to step; `unit` and `clip` change the direction.

Reference:
    Lin et al., "Understanding Parameter Sharing in Transformers", arXiv
    2306.09380, for the aggregated gradient; the rules are this package's.
"""

import math
import re
from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from shared_transformer_tf.config import GRADIENT_RULES
from shared_transformer_tf.uses import UnclearUseError

_OF_EACH_USE = ("aligned", "unit", "clip")
_BY_NUMBER = ("uses", "sqrt_uses")


def combine(
    rule: str, gradients: Sequence[tf.Tensor], uses: int, clip_norm: float = 0.0
) -> tf.Tensor:
    """Returns the gradient to update a weight with.

    Args:
        rule: one of `GRADIENT_RULES`.
        gradients: of each use, or for the first three rules their sum alone.
        uses: of the weight in one forward pass.
        clip_norm: for `clip`, the largest norm of one use's gradient.
    """
    total = gradients[0] if len(gradients) == 1 else tf.add_n(list(gradients))
    if rule == "uses":
        return total / uses
    if rule == "sqrt_uses":
        return total / math.sqrt(uses)
    if rule == "clip":
        return tf.add_n([_clipped(g, clip_norm) for g in gradients])
    if len(gradients) == 1:
        return total
    norms = [tf.norm(g) for g in gradients]
    if rule == "aligned":
        typical = tf.sqrt(tf.reduce_mean(tf.square(tf.stack(norms))))
        return total * tf.math.divide_no_nan(typical, tf.norm(total))
    if rule == "unit":
        directions = tf.add_n(
            [
                tf.math.divide_no_nan(g, norm)
                for g, norm in zip(gradients, norms, strict=True)
            ]
        )
        length = tf.math.divide_no_nan(tf.norm(total), tf.norm(directions))
        return directions * length
    return total


def _clipped(gradient: tf.Tensor, clip_norm: float) -> tf.Tensor:
    """Clips; of a norm that overflows it makes NaN, for the guard to see."""
    norm = tf.norm(gradient)
    factor = clip_norm / tf.maximum(norm, clip_norm)
    nan = tf.constant(float("nan"), gradient.dtype)
    return gradient * tf.where(tf.math.is_finite(norm), factor, nan)


class GradientRules:
    """Which rule a weight's gradient is combined by.

    Args:
        rules: one of `GRADIENT_RULES` for all weights; or one for each of
            some regular expressions, of which the first that is found in a
            weight's path counts, `none` where no one is.
        per_use_clip_norm: for `clip`.

    Raises:
        ValueError: if a rule is unknown, or `clip` has no norm.

    Example:
    >>> rules = GradientRules({"embedding": "none", "": "unit"})
    >>> rules.rule("stack/dense/kernel"), rules.rule("embedding/tokens")
    ('unit', 'none')
    """

    def __init__(
        self, rules: str | Mapping[str, str], per_use_clip_norm: float = 0.0
    ):
        if isinstance(rules, str):
            rules = {"": rules}
        for rule in rules.values():
            if rule not in GRADIENT_RULES:
                raise ValueError(
                    f"Unknown gradient rule {rule!r}. Valid: "
                    f"{', '.join(GRADIENT_RULES)}."
                )
        if "clip" in rules.values() and per_use_clip_norm <= 0:
            raise ValueError(
                "The gradient rule `clip` needs a `per_use_clip_norm` above "
                f"0; it is {per_use_clip_norm}."
            )
        self._rules = dict(rules)
        self._clip_norm = per_use_clip_norm

    @property
    def clips(self) -> bool:
        """Whether the rule of some weights may be `clip`."""
        return "clip" in self._rules.values()

    def rule(self, path: str) -> str:
        """Returns the rule of the weight with this path."""
        for expression, rule in self._rules.items():
            if re.search(expression, path):
                return rule
        return "none"

    def wanting_each_use(
        self, weights: Sequence[keras.Variable]
    ) -> list[keras.Variable]:
        """Returns the weights whose rule looks at the gradient of each use."""
        return [w for w in weights if self.rule(w.path) in _OF_EACH_USE]

    def wanting_counts(
        self, weights: Sequence[keras.Variable]
    ) -> list[keras.Variable]:
        """Returns the weights whose rule divides by the number of uses."""
        return [w for w in weights if self.rule(w.path) in _BY_NUMBER]

    def combine(
        self,
        weights: Sequence[keras.Variable],
        gradients: Sequence[Sequence[tf.Tensor]],
        uses: Sequence[int],
    ) -> list[tf.Tensor]:
        """Returns one gradient for each weight.

        Args:
            weights: whose paths choose the rules.
            gradients: of each weight those of its uses, or their sum alone.
            uses: of each weight.

        Raises:
            UnclearUseError: if a rule would divide what a regularizer adds.
        """
        for weight in self.wanting_counts(weights):
            if weight.regularizer is not None:
                raise UnclearUseError(
                    f"The weight {weight.path} has a regularizer, which is no "
                    f"use of it, and {self.rule(weight.path)!r} would divide "
                    "it too: give the optimizer a `weight_decay` instead."
                )
        return [
            combine(self.rule(weight.path), of_uses, count, self._clip_norm)
            for weight, of_uses, count in zip(
                weights, gradients, uses, strict=True
            )
        ]
