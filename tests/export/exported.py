"""A small model with a tokenizer, and lines that are hard to tokenize."""

import numpy as np

from shared_transformer_tf import config
from shared_transformer_tf.data import tokenizer as tokenizer_lib
from shared_transformer_tf.decoding import translator
from shared_transformer_tf.models import transformer
from tests.decoding import untrained

MAX_LENGTH = 16
OPTIONS = config.DecodingConfig(
    beam_size=3, max_length_factor=1.0, max_length_offset=3
)
TRICKY = (
    "",
    "   ",
    "\t\u3000\u2028\x85",
    "one two",
    " one  two   three ",
    "unseen WORDS xyz",
    "\U0001f6b2\U0001f6b2 two",
    "e\u0301 \ufb01ve \uff11 \u00bd",
    "three\u200bfour\u00adfive",
    "a\x00b two\x00",
    "\ufffd two \ufffd\ufffd",
    "\u2581one\u2581",
    "<unk> <s> </s> <pad>",
    "line\u2028separator\x85next\rreturn",
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u05e9\u05dc\u05d5\u05dd",
    "one two three " * 20,
)
VARIED = ["one two three four five six"[:i] for i in range(1, 27, 2)]


def make_tokenizer(joint=True):
    words = "one two three four five six seven eight nine ten".split()
    generator = np.random.default_rng(0)
    lines = [" ".join(generator.choice(words, 6)) for _ in range(300)]
    options = config.TokenizerConfig(joint=joint, vocabulary_size=28)
    return tokenizer_lib.Tokenizer.train(lines, lines[::-1], options)


def make_model(tokenizer):
    model = transformer.SharedTransformer(
        tokenizer.source_vocabulary_size,
        num_layers=2,
        num_blocks=1,
        sharing="universal",
        hidden_dim=16,
        num_heads=2,
        intermediate_dim=32,
        tied_embeddings="all" if tokenizer.joint else "none",
    )
    model.build(((None, None), (None, None)))
    translate = translator.Translator(model, tokenizer, OPTIONS, MAX_LENGTH)
    untrained.randomize(model, translate, VARIED)
    return model
