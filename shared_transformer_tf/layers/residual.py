"""Factors on the two sides of a residual connection."""

import math
from collections.abc import Mapping, Sequence

from shared_transformer_tf.config import RESIDUAL_SCALES
from shared_transformer_tf.sharing import SharingPlan


class Residual:
    """How much a sublayer's output weighs against what skips it.

    With N the uses of a sublayer, those by another stack included, and L the
    stack's unique sublayers of its kind, the output is multiplied by 1
    (`none`), 1/N (`inverse_uses`) or lambda/(N sqrt L)
    (`inverse_uses_sqrt_blocks`, arXiv 2606.18524). Under `deepnorm` the skip
    connection is multiplied by sqrt(2 V) and the initial value, output and
    feed-forward weights by 1/sqrt(8 V), V the layers that the stack applies
    (arXiv 2607.13491); it is defined for post-norm.

    Args:
        name: one of `RESIDUAL_SCALES`.
        plan: of the stack.
        normalization: `"pre"` or `"post"`.
        scale: the lambda above.
        uses_elsewhere: of each sublayer by the other stack, by kind, where
            encoder and decoder share; missing ones have none.

    Raises:
        ValueError: if a name is unknown or the two do not go together.
    """

    def __init__(
        self,
        name: str,
        plan: SharingPlan,
        normalization: str,
        scale: float,
        uses_elsewhere: Mapping[str, Sequence[int]] | None = None,
    ):
        if normalization not in ("pre", "post"):
            raise ValueError(
                f"`normalization` is {normalization!r}; choose 'pre' or 'post'."
            )
        if name not in RESIDUAL_SCALES:
            raise ValueError(
                f"`residual_scale` is {name!r}; choose one of "
                f"{', '.join(RESIDUAL_SCALES)}."
            )
        if name == "deepnorm" and normalization == "pre":
            raise ValueError(
                "`residual_scale='deepnorm'` is defined for post-norm layers:"
                " set `normalization='post'`."
            )
        self._name = name
        self._plan = plan
        self._scale = scale
        self._elsewhere = uses_elsewhere or {}
        visits = plan.num_layers if name == "deepnorm" else None
        self.skip_scale = (2 * visits) ** 0.5 if visits else 1.0
        self.initial_gain = (8 * visits) ** -0.5 if visits else 1.0

    def branch_scale(self, kind: str, index: int) -> float:
        """Returns the factor on the output of one sublayer.

        Args:
            kind: of the sublayer.
            index: its number within the kind.
        """
        elsewhere = self._elsewhere.get(kind, ())
        uses = self._plan.uses(kind)[index] + sum(elsewhere[index : index + 1])
        if self._name == "inverse_uses":
            return 1 / uses
        if self._name == "inverse_uses_sqrt_blocks":
            blocks = self._plan.num_objects(kind)
            return self._scale / (uses * math.sqrt(blocks))
        return 1.0
