"""Multi30k as in multi30k.py, the same depth from half the blocks.

Source: as multi30k.py. Both stacks apply their two blocks as 0 0 1 1, the
strategy `sequence` of Takase and Kiyono (arXiv 2104.06022). The learning rate
was chosen by dev BLEU among 3e-3, 4.5e-3, 6e-3 and 8e-3, seed 1.
Command: python bin/train.py --config=multi30k_shared --workdir=runs/shared
Expected: 39.7 BLEU on test_2016_flickr (sacreBLEU 13a, cased raw text, beam
5; mean of seeds 1 to 3, standard deviation 0.02) after 26 minutes on two CPU
cores.
"""

import pathlib
import runpy

from shared_transformer_tf.config import Config


def get_config() -> Config:
    """Returns the config of 2 + 2 blocks over 4 + 4 layers."""
    unshared = pathlib.Path(__file__).with_name("multi30k.py")
    config = runpy.run_path(str(unshared))["get_config"]()
    config.model.num_blocks = 2
    config.model.sharing = "sequence"
    config.training.learning_rate = 6e-3
    return config
