"""Multi30k, English image captions into German, with a tiny Transformer.

Source: task 1, raw text, of github.com/multi30k/dataset (non-commercial
research and education): train, val and test_2016_flickr as SPLIT.LANG[.gz]
in $MULTI30K_DIR, else in data/multi30k.
Command: python bin/train.py --config=multi30k --workdir=runs/multi30k
Expected: 39.5 BLEU on test_2016_flickr (sacreBLEU 13a, cased raw text, beam
5; mean of seeds 1 to 3, standard deviation 0.4) after 25 minutes on two CPU
cores.
"""

import os

from shared_transformer_tf.config import Config


def get_config() -> Config:
    """Returns the config of the unshared model of 4 + 4 layers."""
    config = Config()
    config.data.corpus = "text"
    config.data.directory = os.environ.get("MULTI30K_DIR") or "data/multi30k"
    config.data.test_split = "test_2016_flickr"
    config.model.dropout = 0.2
    config.training.max_steps = 4800
    config.training.evaluate_every = 300
    config.training.keep_best = 8
    return config
