"""Which signature of a translation model is called, and how."""

import dataclasses
from typing import Any

from shared_transformer_tf import errors

# The model's own limit holds below it.
_NO_LIMIT = 1 << 20


@dataclasses.dataclass(frozen=True)
class CallOptions:
    """What `translate` asks of a server.

    Attributes:
        name: of the model.
        num_best: translations of a line; above 1 by the signature `nbest`.
        beam_size: by the signature `options`; `None`: as exported.
        length_penalty: goes with `beam_size`.

    Raises:
        InputError: if they do not go together.
    """

    name: str = "translator"
    num_best: int = 1
    beam_size: int | None = None
    length_penalty: float | None = None

    def __post_init__(self):
        if (self.beam_size is None) != (self.length_penalty is None):
            raise errors.InputError(
                "--beam_size and --alpha go together with --server: the "
                "model takes both or, without them, what it was exported "
                "with."
            )
        if self.beam_size is not None and self.num_best > 1:
            raise errors.InputError(
                "--num_best cannot be set together with --beam_size and "
                "--alpha with --server: its n-best is of the exported search."
            )

    @property
    def signature(self) -> str:
        """The signature to call."""
        if self.beam_size is not None:
            return "options"
        return "nbest" if self.num_best > 1 else "serving_default"

    def inputs(self, texts: list[bytes]) -> dict[str, Any]:
        """Returns the inputs by name, for texts of one request."""
        import numpy as np

        inputs = {"text": texts}
        if self.beam_size is not None:
            rows = len(texts)
            inputs["beam_size"] = np.full(rows, self.beam_size, np.int32)
            inputs["length_penalty"] = np.full(
                rows, self.length_penalty, np.float32
            )
            inputs["max_length"] = np.full(rows, _NO_LIMIT, np.int32)
        return inputs

    def texts(self, outputs: dict[str, Any]) -> list[list[str]]:
        """Returns the translations of each text.

        Raises:
            InputError: if fewer can be had than `num_best`, or the outputs
                are not those of a translation model.
        """
        needed = ("translation",)
        if self.num_best > 1:
            needed = ("translations", "counts")
        for name in needed:
            if name not in outputs:
                raise errors.InputError(
                    f"The server's model has no output {name!r}: it is none "
                    "of translations."
                )
        if self.num_best == 1:
            return [[_text(text)] for text in outputs["translation"]]
        found = outputs["translations"]
        if found.shape[1] < self.num_best:
            raise errors.InputError(
                f"--num_best is {self.num_best}, but the server's model gives "
                f"{found.shape[1]} at most."
            )
        return [
            [_text(text) for text in row[: min(self.num_best, count)]]
            for row, count in zip(found, outputs["counts"], strict=True)
        ]


def _text(text: bytes) -> str:
    return text.decode("utf-8", "replace")
