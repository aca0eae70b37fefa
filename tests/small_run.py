"""A config that trains in seconds."""

import dataclasses

from shared_transformer_tf.config import Config


def small(**training):
    config = Config()
    config.data.numbers_train = 300
    config.data.numbers_valid = 12
    config.data.numbers_test = 12
    config.data.batch_tokens = 256
    config.data.num_buckets = 3
    config.tokenizer.vocabulary_size = 120
    config.model.num_layers = 2
    config.model.num_blocks = 1
    config.model.sharing = "universal"
    config.model.hidden_dim = 16
    config.model.intermediate_dim = 16
    config.training = dataclasses.replace(
        config.training,
        **{
            "max_steps": 12,
            "warmup_steps": 4,
            "log_every": 2,
            "evaluate_every": 6,
            "save_every": 3,
            "keep_best": 2,
            "deterministic": False,  # it would hold for the whole process
        }
        | training,
    )
    return config
