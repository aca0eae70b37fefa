"""A small model that has learned some lines by heart.

Unlike an untrained one it ends its translations before their limit and gives
padding no probability, and so other searches find what ours finds.
"""

import keras
import numpy as np

from shared_transformer_tf import config
from shared_transformer_tf.models import transformer
from tests.export import exported

TARGETS = [" ".join(line.split()[::-1]) for line in exported.VARIED]


def make_model(tokenizer, **options):
    keras.utils.set_random_seed(1)
    model = transformer.SharedTransformer(
        tokenizer.source_vocabulary_size,
        **{
            "num_layers": 2,
            "num_blocks": 1,
            "sharing": "universal",
            "hidden_dim": 32,
            "num_heads": 2,
            "intermediate_dim": 64,
            "tied_embeddings": "all" if tokenizer.joint else "none",
        }
        | options,
    )
    source = _padded(tokenizer.encode_source(exported.VARIED))
    target = _padded(tokenizer.encode_target(TARGETS))
    start = np.full([len(target), 1], config.START_ID)
    target_in = np.concatenate([start, target[:, :-1]], 1)
    model.compile(keras.optimizers.Adam(0.02))
    inputs = ((source, target_in), target)
    model.fit(*inputs, batch_size=len(source), epochs=60, verbose=0)
    return model


def _padded(rows):
    longest = 1 + max(map(len, rows))
    ids = np.full([len(rows), longest], config.PAD_ID, np.int32)
    for row, tokens in zip(ids, rows, strict=True):
        row[: len(tokens) + 1] = [*tokens, config.END_ID]
    return ids
