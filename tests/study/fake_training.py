"""A training that takes no time, for properties of the search alone.

Its scores are a smooth function of settings and tokens, and are logged where
a real one logs them. Like a real one it goes on from where it was.
"""

import json
import math
import os

from shared_transformer_tf.config import Config
from shared_transformer_tf.run_directory import RunDirectory
from shared_transformer_tf.study.search import space
from shared_transformer_tf.study.search.settings import SearchSettings

FIELDS = ("learning_rate", "dropout", "beta_2")


def make_settings(**changes):
    config = Config()
    return SearchSettings(
        **{
            "config": config,
            "space": space.make_space(config, FIELDS),
            "budget_tokens": 90_000,
            "trials": 6,
            "oracle": "random",
        }
        | changes
    )


def bleu_of(config, tokens):
    off = math.log10(config.training.learning_rate / 6e-3)
    return 30 * (1 - 0.8 * min(abs(off), 1)) * tokens / config_end(config)


def config_end(config):
    return config.training.max_tokens


class FakeTraining:
    """Notes each call and each evaluation; `fail` may raise in any of them."""

    def __init__(self, fail=lambda workdir, tokens: None):
        self.calls = []
        self.evaluations = []
        self._fail = fail

    def __call__(self, config, workdir, *, enough):
        config.validate()
        self.calls.append((os.path.basename(workdir), config))
        run = RunDirectory(workdir)
        if run.exists:
            run.check_config(config)
        run.write_config(config)
        tokens = _tokens_so_far(run)
        while tokens < config.training.max_tokens:
            every = config.training.evaluate_every_tokens
            tokens = min(tokens + every, config.training.max_tokens)
            self._fail(os.path.basename(workdir), tokens)
            scores = {"bleu": bleu_of(config, tokens), "chrf": 1.0}
            scores["loss"] = 8 - scores["bleu"] / 5
            stop = enough(scores | {"tokens": tokens})
            record = {"kind": "valid", "step": tokens // 100, "tokens": tokens}
            with open(run.metrics_file, "a", encoding="utf-8") as stream:
                seconds = tokens / 1000
                line = record | scores | {"seconds": seconds}
                stream.write(json.dumps(line) + "\n")
            self.evaluations.append((os.path.basename(workdir), tokens))
            if stop:
                return


def _tokens_so_far(run):
    if not os.path.exists(run.metrics_file):
        return 0
    with open(run.metrics_file, encoding="utf-8") as stream:
        return json.loads(stream.readlines()[-1])["tokens"]
