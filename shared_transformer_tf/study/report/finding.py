"""The answer to a question of a study."""

from typing import NamedTuple

from shared_transformer_tf.study.report import wording


class Finding(NamedTuple):
    """The answer to a question.

    Attributes:
        question: as the study asks it.
        short: a few words with the number; for the table of questions.
        answer: in full, Markdown; empty where nothing answers it.
    """

    question: str
    short: str
    answer: str


def not_answered(question: str, *arms: str) -> Finding:
    """Returns that arms which answer a question were not run together."""
    missing = wording.listed(arms)
    return Finding(question, f"not answered: {missing} not run together", "")
