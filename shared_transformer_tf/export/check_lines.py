"""Lines that every check of an export translates, whatever the run."""

import random

import sentencepiece

from shared_transformer_tf import config

ODD = (
    "",
    " \t\u3000",
    "A man rides a bike.",
    "one hundred and twenty-three",
    "\udcff\udcfe not UTF-8 \ufffd here",
    "a\x00b <unk> </s>",
    "\U0001f6b2 \u00e9 e\u0301 \u3000 \ufb01 \u200b",
    "and so on " * 200,
)
_MADE = 24


def made(tokenizer, max_length: int) -> list[str]:
    """Returns lines of random source pieces, of many lengths.

    They stand in where a run's text is gone.

    Args:
        tokenizer: has `source_model`.
        max_length: tokens of a sentence.
    """
    pieces = sentencepiece.SentencePieceProcessor(
        model_proto=tokenizer.source_model
    )
    generator = random.Random(1)
    ordinary = range(config.END_ID + 1, pieces.get_piece_size())
    longest = min(max_length, 40)
    return [
        pieces.decode(generator.choices(ordinary, k=1 + i * longest // _MADE))
        for i in range(_MADE)
    ]
