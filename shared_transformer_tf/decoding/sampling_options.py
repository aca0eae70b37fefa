"""Settings of random translations, checked without TensorFlow."""

import dataclasses
import math

from shared_transformer_tf import errors


@dataclasses.dataclass(frozen=True)
class SamplingOptions:
    """How the distribution of a token is narrowed before drawing.

    Attributes:
        num_samples: drawn per sentence.
        temperature: divides the logits; below 1 is bolder.
        top_k: draws among so many most probable tokens; 0 among all.
        top_p: draws among the fewest tokens whose probability reaches this
            (nucleus sampling, Holtzman et al., arXiv 1904.09751); 1: all.

    Raises:
        InputError: if a value is out of its range.
    """

    num_samples: int = 1
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0

    def __post_init__(self):
        """Checks the ranges."""
        for name, valid, expected in (
            ("num_samples", self.num_samples >= 1, "1 or above"),
            (
                "temperature",
                0 < self.temperature < math.inf,
                "above 0 and finite",
            ),
            ("top_k", self.top_k >= 0, "0 (all tokens) or above"),
            ("top_p", 0 < self.top_p <= 1, "above 0, at most 1"),
        ):
            if not valid:
                raise errors.InputError(
                    f"{name} is {getattr(self, name)!r}, expected {expected}."
                )
