"""What a SavedModel answers when it is called directly, to compare with."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from shared_transformer_tf.serving.servable import Servable

BATCH = 16
_SCORE_ERROR = 1e-4
_TIE = 1e-5
_SECONDS = 600.0


@dataclasses.dataclass(frozen=True)
class Variant:
    """A signature with the values of its inputs besides the text.

    Attributes:
        signature: its name.
        values: of the other inputs, the same for each row.
    """

    signature: str
    values: tuple[tuple[str, float], ...] = ()

    def inputs(self, texts: Sequence[bytes]) -> dict[str, np.ndarray]:
        """Returns the arrays of a request."""
        array = np.empty(len(texts), object)
        array[:] = texts
        inputs = {"text": array}
        for name, value in self.values:
            dtype = np.float32 if isinstance(value, float) else np.int32
            inputs[name] = np.full(len(texts), value, dtype)
        return inputs


def variants(servable: Servable) -> list[Variant]:
    """Returns what is asked of a model, as far as it has the signatures."""
    asked = [Variant("serving_default"), Variant("nbest")]
    for beam_size, penalty in ((1, 0.0), (2, 1.0), (4, 0.6)):
        values = {"beam_size": beam_size, "length_penalty": penalty}
        values |= {"max_length": 64}
        asked.append(Variant("options", tuple(values.items())))
    return [x for x in asked if x.signature in servable.signatures]


def run(
    servable: Servable, variant: Variant, texts: Sequence[bytes]
) -> list[dict[str, Any]]:
    """Returns one object of plain values for each text."""
    outputs = servable.run(variant.signature, variant.inputs(texts), _SECONDS)
    return rows(outputs)


def rows(outputs: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Returns the rows of outputs as plain values; text as text."""
    columns = {name: _plain(x.tolist()) for name, x in outputs.items()}
    return [
        dict(zip(columns, row, strict=True))
        for row in zip(*columns.values(), strict=True)
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return (
        value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    )


class OfflineAnswers:
    """Answers of a model to each text and variant, made in batches.

    Args:
        servable: the model.
        texts: all that clients may send.
    """

    def __init__(self, servable: Servable, texts: Sequence[bytes]):
        self.texts = list(texts)
        self.variants = variants(servable)
        self._rows = {}
        for variant in self.variants:
            for start in range(0, len(texts), BATCH):
                batch = self.texts[start : start + BATCH]
                found = run(servable, variant, batch)
                for text, row in zip(batch, found, strict=True):
                    self._rows[variant, text] = row

    def judge(self, variant: Variant, text: bytes, came: dict) -> str:
        """Compares an answer.

        Scores may differ by 1e-4. In batches of other sizes sums are rounded
        otherwise; where two hypotheses score within 1e-5 of each other, which
        comes first is a tie, and counted apart.

        Returns:
            `right`, `tie`, `swapped`, the answer to another text, or
            `wrong`.
        """
        wanted = self._rows[variant, text]
        if _texts(came) == _texts(wanted):
            close = _scores_within(came, wanted, _SCORE_ERROR)
            return "right" if close else "wrong"
        if self._is_tie(variant, text, came):
            return "tie"
        for other in self.texts:
            row = self._rows[variant, other]
            if _texts(row) == _texts(came) and other != text:
                return "swapped"
        return "wrong"

    def _is_tie(self, variant: Variant, text: bytes, came: dict) -> bool:
        wanted = self._rows[variant, text]
        if "scores" in wanted or "score" in wanted:
            return _scores_within(came, wanted, _TIE)
        ranked = self._rows.get((Variant("nbest"), text))
        if ranked is None:
            return False
        best = ranked["scores"][0]
        return any(
            came["translation"] == other and abs(score - best) <= _TIE
            for other, score in zip(
                ranked["translations"], ranked["scores"], strict=True
            )
        )


def _texts(row: dict) -> tuple:
    return tuple(
        (name, str(value))
        for name, value in sorted(row.items())
        if not name.startswith("score")
    )


def _scores_within(came: dict, wanted: dict, error: float) -> bool:
    return all(
        np.allclose(came[name], wanted[name], rtol=0, atol=error)
        for name in wanted
        if name.startswith("score")
    )
