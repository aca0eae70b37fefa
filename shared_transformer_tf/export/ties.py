"""Which translations of an export are as good as the model's own."""

from collections.abc import Sequence

from shared_transformer_tf.decoding.translator import Translator

Scored = tuple[str, float]


def equal_or_tied(
    in_memory: Translator,
    lines: Sequence[str],
    expected: Sequence[Scored],
    found: Sequence[Scored],
    tie: float,
) -> list[bool]:
    """Returns for each line whether an export's translation is a best one.

    Another text than the model's is one where the model's own search found it
    too, with the score of its best. That the export gives it such a score
    tells nothing: wrongly decoded tokens have the scores of the right ones.

    Args:
        in_memory: the model's translator.
        lines: that were translated.
        expected: the model's best translations, with their scores.
        found: the export's.
        tie: scores that are closer are equal.
    """
    good = [
        wanted == came
        for (wanted, _), (came, _) in zip(expected, found, strict=True)
    ]
    others = [number for number, equal in enumerate(good) if not equal]
    best = in_memory.translate_with_scores(
        [lines[number] for number in others], in_memory.options.beam_size
    )
    for number, candidates in zip(others, best, strict=True):
        score = expected[number][1]
        good[number] = any(
            text == found[number][0] and abs(own - score) <= tie
            for text, own in candidates
        )
    return good
