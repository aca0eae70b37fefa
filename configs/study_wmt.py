"""The study at the scale of WMT14: eight tasks, Transformer base. Not run.

Arms as in study_multi30k.py with M = 6 blocks, width 512. BUILD.md has the
commands that prepare the text in data/wmt14, none of which were run.
Plan: python bin/study.py --config=study_wmt --plan
    tells weights, FLOPs, memory and hours of every arm; with
    --tokens_per_second=N the hours on devices where `vanilla` was measured.
Command: python bin/study.py --config=study_wmt --workdir=runs/study_wmt
    trains one cell after the other on all GPUs of the machine.
Budget: 2,000 million target tokens for each cell, about 95,000 updates of
    25,000 tokens (the longer side, padding included).
Shares of the devices' peak that hours are computed from: at most 68%, what a
    step of this size reaches of a matrix product's speed in bfloat16 on one
    CPU core (381 target tokens/s, 139 of 204 GFLOP/s; 74% with twice the
    layers); at least 5%, assumed: measure it.
"""

from shared_transformer_tf.config import Config
from shared_transformer_tf.study.cells import CellGroup
from shared_transformer_tf.study.cost.scale import Devices
from shared_transformer_tf.study.plan import Study

_PAIRS = ("de", "fr", "cs", "ru")
_TASKS = tuple(
    task for other in _PAIRS for task in (f"en-{other}", f"{other}-en")
)
_MAIN = ("vanilla", "shared", "tuned", "shared_tuned", "compact")
_EVERY = (
    *_MAIN,
    "deep",
    "shared_cycle_rev",
    "uses",
    "sqrt_uses",
    "unit",
    "update_uses",
    "residual_uses",
)
_SHARES = (0.05, 0.68)


def get_config() -> Config:
    """Returns the base: Transformer base with layer norms in front."""
    config = Config()
    config.data.corpus = "text"
    config.data.directory = "data/wmt14"
    config.data.train_split = "train.de-en"
    config.data.valid_split = "newstest2013"
    config.data.test_split = "newstest2014.de-en"
    config.data.batch_tokens = 25_000
    config.tokenizer.model_type = "bpe"
    config.tokenizer.vocabulary_size = 32_000
    config.tokenizer.character_coverage = 0.9999
    config.model.num_layers = 6
    config.model.hidden_dim = 512
    config.model.num_heads = 8
    config.model.intermediate_dim = 2048
    config.training.precision = "mixed_bfloat16"
    config.training.max_steps = 0
    config.training.max_tokens = 2_000_000_000
    config.training.evaluate_every_tokens = 100_000_000
    config.training.learning_rate = 7e-4
    config.training.warmup_steps = 4000
    config.training.diagnose_every = 5000
    config.training.log_every = 100
    config.training.save_every = 2000
    config.decoding.beam_size = 4
    config.decoding.alpha = 0.6
    return config


def get_study() -> Study:
    """Returns the cells, in the order in which they are trained."""
    texts = {
        task: {
            "data.train_split": f"train.{other}-en",
            "data.test_split": f"newstest2014.{other}-en",
        }
        for other in _PAIRS
        for task in (f"en-{other}", f"{other}-en")
    }
    return Study(
        name="study_wmt",
        base=get_config(),
        groups=(
            CellGroup(_TASKS, _MAIN),
            CellGroup(_TASKS[:1], _EVERY, seeds=(1, 2, 3)),
            CellGroup(
                _TASKS[:1], _EVERY, rate_factors=(0.5, 2.0), extended=True
            ),
            CellGroup(
                _TASKS[1:], ("vanilla", "shared"), rate_factors=(0.5, 2.0)
            ),
        ),
        margin=0.3,
        search_task="en-de",
        search_tokens=200_000_000,
        search_trials=30,
        sentence_tokens=30,
        task_settings=texts,
        strategy="mirrored",
        devices=(
            Devices("8 A100, 80 GB", 8, 312e12, 80.0, _SHARES),
            Devices("8 V100, 16 GB", 8, 125e12, 16.0, _SHARES),
            Devices("TPU v3-8", 8, 52.5e12, 16.0, _SHARES),
        ),
    )
