"""Trains on two replicas and on one, and prints how far they are apart.

    python -m tests.training.two_replicas

A process of its own, for logical devices are set once, and TensorFlow bears
one MirroredStrategy per process. Prints JSON: case -> figures.
"""

import json

import keras
import numpy as np
import tensorflow as tf

from shared_transformer_tf.config import GRADIENT_RULES
from tests.training.reused import Tagger, batch, tagger, values

STEPS = 3


def batches(replicas):
    """Batches whose halves hold unequal numbers of tokens."""
    for step in range(STEPS):
        (source, target_in), target = batch(step)
        for ids in (source, target_in, target):
            ids[3:, 2:] = 0
        for rows in np.split(np.arange(6), replicas):
            yield (source[rows], target_in[rows]), target[rows]


def dataset(replicas):
    ids = tf.TensorSpec([None, None], tf.int32)
    return tf.data.Dataset.from_generator(
        lambda: batches(replicas), output_signature=((ids, ids), ids)
    )


def fit(strategy, replicas, optimizer, prepare=None, **settings):
    """Returns the weights after training, the logs, and the model."""
    seen = []
    dtype = settings.pop("dtype", "float32")
    dropout = settings.pop("dropout", 0.0)
    with strategy.scope():
        model = tagger(dtype=dtype, dropout=dropout)
        model.compile(optimizer(), **settings)
    if prepare:
        prepare(model)
    data = strategy.distribute_datasets_from_function(
        lambda context: dataset(replicas)
    )
    model.fit(
        data,
        steps_per_epoch=STEPS,
        verbose=0,
        shuffle=False,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_train_batch_end=lambda step, logs: seen.append(logs)
            )
        ],
    )
    return values(model), seen, model


def difference(ours, theirs):
    return max(
        float(np.abs(one - other).max() / max(np.abs(other).max(), 1e-30))
        for one, other in zip(ours, theirs, strict=True)
    )


def sgd():
    return keras.optimizers.SGD(0.1)


def compare(mirrored, one, **settings):
    two, logs, _ = fit(mirrored, 2, sgd, **settings)
    single, single_logs, _ = fit(one, 1, sgd, **settings)
    return {
        "weights": difference(two, single),
        "logs": max(
            abs(log[name] - other[name]) / max(abs(other[name]), 1e-30)
            for log, other in zip(logs, single_logs, strict=True)
            for name in other
        ),
        "tokens": [log["tokens"] for log in logs],
        "expected_tokens": [
            int(np.count_nonzero(target)) for _, target in batches(1)
        ],
    }


class Overflowing(Tagger):
    """Has an infinite loss on one replica."""

    def __init__(self, replica, **kwargs):
        super().__init__(**kwargs)
        self.replica = replica

    def token_losses(self, *args, **kwargs):
        context = tf.distribute.get_replica_context()
        here = context.replica_id_in_sync_group == self.replica
        losses = super().token_losses(*args, **kwargs)
        return losses * tf.where(here, float("inf"), 1.0)


def overflow(mirrored, replica, dtype="mixed_float16"):
    with mirrored.scope():
        optimizer = keras.optimizers.Adam(0.01)
        if dtype == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer, 8.0)
        model = Overflowing(replica, dtype=dtype)
        model.compile(optimizer)
    before = values(model)
    data = mirrored.distribute_datasets_from_function(lambda _: dataset(2))
    model.fit(data, steps_per_epoch=1, verbose=0)
    scale = getattr(model.optimizer, "dynamic_scale", None)
    copies = ()
    if scale is not None:
        copies = mirrored.experimental_local_results(scale.value)
    return {
        "scales": [float(copy.numpy()) for copy in copies],
        "changed": difference(values(model), before),
        "updates": int(model.optimizer.iterations.numpy()),
    }


class Dropped(Tagger):
    """Its loss says how much was dropped on this replica."""

    def token_losses(self, inputs, targets, label_smoothing, training):
        ones = tf.ones([*tf.unstack(tf.shape(targets)), 50])
        ones = self.dropout(ones, training=training)
        return tf.reduce_sum(ones, -1) + super().token_losses(
            inputs, targets, label_smoothing, training
        )


def dropout(mirrored):
    """Whether two replicas drop alike: the batch has the same rows twice."""
    (source, target_in), target = batch(0)
    source, target_in, target = source[:3], target_in[:3], target[:3]
    spec = tf.TensorSpec([None, None], tf.int32)

    def twice(context):
        return tf.data.Dataset.from_generator(
            lambda: iter([((source, target_in), target)] * 2),
            output_signature=((spec, spec), spec),
        )

    with mirrored.scope():
        model = Dropped(dropout=0.5)
        model.compile(sgd())
    data = iter(mirrored.distribute_datasets_from_function(twice))

    @tf.function
    def sums(part):
        return model.batch_sums(part, model.trainable_variables, [])[0][0]

    losses = mirrored.run(sums, args=(next(data),))
    return [
        float(loss.numpy())
        for loss in mirrored.experimental_local_results(losses)
    ]


def main():
    keras.utils.set_random_seed(0)
    one = tf.distribute.get_strategy()
    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    found = {}
    for dtype in ("float64", "float32"):
        for rule in GRADIENT_RULES:
            found[f"{dtype} {rule}"] = compare(
                mirrored,
                one,
                dtype=dtype,
                gradient_rule=rule,
                per_use_clip_norm=0.05,
                clip_norm=0.5,
            )
    for dtype in ("mixed_bfloat16", "mixed_float16"):
        found[dtype] = compare(mirrored, one, dtype=dtype)
    found["slices"] = compare(
        mirrored, one, accumulation_steps=3, gradient_rule="unit"
    )
    found["xla"] = compare(mirrored, one, jit_compile=True)
    found["overflow"] = [overflow(mirrored, replica) for replica in (0, 1)]
    found["infinite"] = [overflow(mirrored, 1, "float32")]
    found["dropout"] = dropout(mirrored)
    print(json.dumps(found))


if __name__ == "__main__":
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    main()
