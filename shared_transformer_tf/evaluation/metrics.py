"""Scores of translations, as sacreBLEU computes and signs them."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import sacrebleu

from shared_transformer_tf import errors

TOKENIZERS = ("13a", "none", "intl", "char", "zh")


@dataclasses.dataclass(frozen=True)
class Scores:
    """Corpus scores of one system.

    Attributes:
        bleu: 0 to 100, higher is better (cased; 13a tokens, if no others
            were asked for).
        chrf: chrF2, 0 to 100, higher is better.
        ter: edits per 100 reference words, lower is better.
        signatures: sacreBLEU's signature of each score, by its name.
    """

    bleu: float
    chrf: float
    ter: float
    signatures: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Returns a dictionary that JSON can hold."""
        return dataclasses.asdict(self)


def evaluate(
    hypotheses: Sequence[str],
    references: Sequence[str],
    tokenize: str = "13a",
) -> Scores:
    """Scores translations with BLEU, chrF2 and TER.

    Args:
        hypotheses: detokenised translations.
        references: one per hypothesis, raw text.
        tokenize: sacreBLEU's tokeniser for BLEU, one of `TOKENIZERS`; `none`
            is for text that has spaces between its tokens already.

    Raises:
        InputError: if there are not equally many, or none.

    Example:
    >>> evaluate(["Ein Mann fährt Rad."], ["Ein Mann fährt Rad."]).ter
    0.0
    """
    check_lengths(hypotheses, references)
    metrics = {
        # forced: no warning that text to be taken as it is looks like tokens
        "bleu": sacrebleu.BLEU(tokenize=tokenize, force=tokenize == "none"),
        "chrf": sacrebleu.CHRF(),
        "ter": sacrebleu.TER(),
    }
    scores = {
        name: metric.corpus_score(hypotheses, [references]).score
        for name, metric in metrics.items()
    }
    signatures = {
        name: str(metric.get_signature()) for name, metric in metrics.items()
    }
    return Scores(**scores, signatures=signatures)


def dev_scores(
    hypotheses: Sequence[str], references: Sequence[str]
) -> dict[str, float]:
    """Returns `bleu` and `chrf`, 0 to 100, which are quickly computed.

    Raises:
        InputError: if there are not equally many, or none.
    """
    check_lengths(hypotheses, references)
    # forced: else it warns at every evaluation of a training on tokens
    bleu, chrf = sacrebleu.BLEU(force=True), sacrebleu.CHRF()
    return {
        "bleu": bleu.corpus_score(hypotheses, [references]).score,
        "chrf": chrf.corpus_score(hypotheses, [references]).score,
    }


def check_lengths(hypotheses: Sequence[str], references: Sequence[str]) -> None:
    """Checks that every translation has its reference.

    Raises:
        InputError: with both counts.
    """
    if len(hypotheses) != len(references) or not references:
        raise errors.InputError(
            f"There are {len(hypotheses)} translations and {len(references)} "
            "references: expected one line each for every sentence."
        )
