"""A training step of ours, as a contender of `benchmark.training`.

python -m shared_transformer_tf.benchmark.training_step JSON
"""

import json
import sys
import time

import keras
import numpy as np
import tensorflow as tf

from shared_transformer_tf.benchmark import contender
from shared_transformer_tf.models.complexity import complexity
from shared_transformer_tf.models.transformer import SharedTransformer
from shared_transformer_tf.training import diagnostics


def main(settings: dict) -> None:
    """Serves steps of one setting.

    Args:
        settings: `model`, arguments of `SharedTransformer`; `rows` and
            `length` of the batch; `compile`, arguments of `compile`;
            `diagnose`, whether each step looks at the gradients of each use.
    """
    keras.utils.set_random_seed(1)
    if settings.get("deterministic"):
        tf.config.experimental.enable_op_determinism()
    model = SharedTransformer(**settings["model"])
    model.compile(
        keras.optimizers.Adam(1e-3, beta_2=0.98),
        label_smoothing=0.1,
        clip_norm=5.0,
        **settings.get("compile", {}),
    )
    model.optimizer.build(model.trainable_variables)
    data = _batch(settings)

    @tf.function(autograph=False)
    def update(data):
        products = []
        if settings.get("diagnose"):
            products = diagnostics.inner_products(model, data)
        return model.train_step(data)["batch_loss"], products

    resident = _resident_gib()
    start = time.perf_counter()
    update.get_concrete_function(data)
    traced = time.perf_counter() - start

    def step() -> None:
        loss, _ = update(data)
        loss.numpy()

    contender.serve(
        step,
        trace_seconds=traced,
        resident_gib=resident,
        flops=settings["rows"]
        * complexity(
            model, settings["length"], settings["length"]
        ).training_flops,
        version=f"tensorflow {tf.__version__}, keras {keras.__version__}",
    )


def _batch(settings: dict) -> tuple:
    rng = np.random.default_rng(0)
    shape = settings["rows"], settings["length"]
    words = settings["model"]["vocabulary_size"]
    source, target = (
        tf.constant(rng.integers(4, words, shape), tf.int32) for _ in range(2)
    )
    return (source, target), target


def _resident_gib() -> float:
    with open("/proc/self/statm", encoding="ascii") as file:
        pages = int(file.read().split()[1])
    return pages * 4096 / 2**30


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
