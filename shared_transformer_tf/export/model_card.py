"""What a person wants to know of an exported model, as Markdown."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from shared_transformer_tf.evaluation import metrics

_CARD = """# Translation model: {languages}

| | |
|---|---|
| source language | {source_language} |
| target language | {target_language} |
| data | {data} |
| checkpoint | {checkpoint} |
| licence | {licence} |
| weights | {weights:,}, each stored once |

## Scores

{scores}

## What it costs

{complexity}

## How to call it

| signature | inputs | outputs |
|---|---|---|
| `serving_default` | `text` [batch] | `translation` [batch] |
| `nbest` | `text` [batch] | `translations` [batch, n], `scores` [batch, n], \
`counts` [batch] |
| `options` | `text`, `beam_size`, `length_penalty`, `max_length`, each \
[batch] | `translation`, `score`, `truncated`, each [batch] |

* Text is UTF-8, a sentence a row; bytes that are not UTF-8 are translated as \
unknown characters, blank text is translated to "".
* A sentence of more than {source_limit} tokens is cut: `options` says so by \
`truncated`, the others do not. A translation ends at \
min({max_length}, {factor} x source tokens + {offset}) tokens at the latest.
* A score is the natural logarithm of the translation's probability over the \
length penalty ({penalty}, alpha {alpha}); -1e9 stands where `nbest` has no \
further translation, and `counts` tells how many there are.
* `options` takes a beam of 1 to {most_beams}, a `length_penalty` (alpha) of \
at least 0, a `max_length` of at least 1; what is out of range is taken for \
the nearest. `serving_default` and `nbest` search with a beam of {beam_size}.

## Config

```json
{config}
```
"""


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where a model comes from.

    Attributes:
        source_language: code or name; likewise the next.
        target_language: of what it writes.
        data: that it was trained on.
        checkpoint: whose weights it has.
        licence: of the model.
        complexity: weights and FLOPs, in lines.
        config: that it was trained with, as JSON holds it.
        references: of the lines that an export is checked with.
    """

    source_language: str = "not stated"
    target_language: str = "not stated"
    data: str = "not stated"
    checkpoint: str = "not stated"
    licence: str = "not stated"
    complexity: str = "not stated"
    config: dict[str, Any] = dataclasses.field(default_factory=dict)
    references: Sequence[str] = ()


def score(
    translations: Sequence[str], references: Sequence[str]
) -> dict[str, Any]:
    """Returns scores of an export's own translations, {} without references.

    Args:
        translations: of the lines that it was checked with.
        references: as many, or none.
    """
    if not references:
        return {}
    found = metrics.evaluate(translations, references).to_dict()
    return found | {"sentences": len(references)}


def write(origin: Origin, facts: dict[str, Any]) -> str:
    """Returns the card.

    Args:
        origin: of the model.
        facts: of the export, see `saved_model`.
    """
    decoding = facts["decoding"]
    return _CARD.format(
        languages=f"{origin.source_language} to {origin.target_language}",
        source_language=origin.source_language,
        target_language=origin.target_language,
        data=origin.data,
        checkpoint=origin.checkpoint,
        licence=origin.licence,
        weights=facts["weights"],
        scores=_scores(facts["scores"]),
        complexity="\n".join(
            f"    {x}" for x in origin.complexity.splitlines()
        ),
        source_limit=facts["max_length"] - 1,
        max_length=facts["max_length"],
        factor=decoding["max_length_factor"],
        offset=decoding["max_length_offset"],
        penalty=decoding["length_penalty"],
        alpha=decoding["alpha"],
        beam_size=decoding["beam_size"],
        most_beams=facts["most_beams"],
        config=json.dumps(origin.config, indent=2),
    )


def _scores(scores: dict[str, Any]) -> str:
    if not scores:
        return "Not measured: there were no references at the export."
    rows = [
        f"* {name}: {scores[name]:.1f} (`{signature}`)"
        for name, signature in scores["signatures"].items()
    ]
    return "\n".join(
        [
            f"Of the export itself, on the {scores['sentences']} lines that it "
            "was checked with:",
            "",
            *rows,
        ]
    )
