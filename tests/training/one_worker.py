"""One of two workers that train together; prints JSON of what came out.

TF_CONFIG=... python -m tests.training.one_worker float32 mixed_float16
"""

import json
import sys

import keras
import numpy as np
import tensorflow as tf

from tests.training.reused import tagger, values, velocities
from tests.training.two_replicas import STEPS, batches, difference, sgd


def spec():
    ids = tf.TensorSpec([None, None], tf.int32)
    return ((ids, ids), ids)


def train(strategy, worker, workers, dtype):
    seen = []
    with strategy.scope():
        chosen = sgd()
        if dtype == "mixed_float16":
            chosen = keras.optimizers.LossScaleOptimizer(chosen, 64.0)
        model = tagger(dtype=dtype)
        model.compile(chosen, gradient_rule="unit", clip_norm=0.05)
    data = tf.data.Dataset.from_generator(
        lambda: list(batches(workers))[worker::workers], output_signature=spec()
    )
    model.fit(
        strategy.distribute_datasets_from_function(lambda context: data),
        steps_per_epoch=STEPS,
        verbose=0,
        shuffle=False,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_train_batch_end=lambda step, logs: seen.append(logs)
            )
        ],
    )
    return model, seen


def figures(logs):
    return [
        [log[n] for n in ("loss", "tokens", "gradient_norm")] for log in logs
    ]


def compare(one, together, dtype):
    ours, logs = train(together, together.cluster_resolver.task_id, 2, dtype)
    alone, logs_alone = train(one, 0, 1, dtype)
    return {
        "gradients": difference(velocities(ours), velocities(alone)),
        "sum": float(sum(np.abs(v).sum() for v in values(ours))),
        "logs": figures(logs),
        "logs_alone": figures(logs_alone),
    }


def main(dtypes):
    one = tf.distribute.get_strategy()
    together = tf.distribute.MultiWorkerMirroredStrategy()
    found = {dtype: compare(one, together, dtype) for dtype in dtypes}
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
