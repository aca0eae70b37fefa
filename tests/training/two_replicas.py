"""Trains on two replicas and on one, and prints how far they are apart.

    python -m tests.training.two_replicas

A process of its own, for logical devices are set once, and TensorFlow bears
one MirroredStrategy per process. Prints JSON: case -> figures.
"""

import json

import keras
import numpy as np
import tensorflow as tf

from shared_transformer_tf.training import strategies
from shared_transformer_tf.training.model import NormalizedGradientModel
from tests.training.reused import Tagger, batch, tagger, values, velocities

STEPS = 3
# float64 tells most; float32 is what is trained with
# Sums of all uses, sums of each, and what is not proportional to them: all
# rules act after the sum over replicas.
RULES = {"float64": ("none", "clip", "unit"), "float32": ("none", "unit")}


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


def fit(strategy, replicas, optimizer, **settings):
    """Returns the gradients of a training, gathered, and its logs."""
    seen = []
    dtype = settings.pop("dtype", "float32")
    dropout = settings.pop("dropout", 0.0)
    with strategy.scope():
        model = tagger(dtype=dtype, dropout=dropout)
        model.compile(optimizer(), **settings)
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
    return velocities(model), seen


def difference(ours, theirs):
    return max(
        float(np.abs(one - other).max() / max(np.abs(other).max(), 1e-30))
        for one, other in zip(ours, theirs, strict=True)
    )


def sgd():
    return keras.optimizers.SGD(0.1, momentum=0.5)


def compare(mirrored, one, **settings):
    two, logs = fit(mirrored, 2, sgd, **settings)
    single, single_logs = fit(one, 1, sgd, **settings)
    return {
        "gradients": difference(two, single),
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


def overflow(mirrored, replica, dtype="mixed_float16", scale=8.0, **settings):
    """What an update leaves that is not applied."""
    with mirrored.scope():
        optimizer = keras.optimizers.Adam(0.01)
        if dtype == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer, scale)
        model = Overflowing(replica, dtype=dtype)
        model.compile(optimizer, **settings)
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


def with_keras_loss(strategy, parts, kind):
    """Trains on 16 rows in two updates, of parts of unequal sizes."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(16, 5)).astype("float32")
    y = rng.integers(0, 3, 16)

    def data(context):
        spec = (tf.TensorSpec([None, 5]), tf.TensorSpec([None], tf.int64))
        ends = [0, *(end + 8 * i for i in range(2) for end in parts)]
        rows = [slice(*pair) for pair in zip(ends, ends[1:], strict=False)]
        return tf.data.Dataset.from_generator(
            lambda: iter([(x[part], y[part]) for part in rows]),
            output_signature=spec,
        )

    keras.utils.set_random_seed(0)
    with strategy.scope():
        inputs = keras.Input((5,))
        shared = keras.layers.Dense(
            5, "tanh", kernel_regularizer="l2", activity_regularizer="l1"
        )
        outputs = keras.layers.Dense(3)(shared(shared(inputs)))
        model = kind(inputs, outputs)
        model.compile(
            sgd(),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
    logs = [
        model.fit(
            strategy.distribute_datasets_from_function(data),
            steps_per_epoch=2, shuffle=False, verbose=0,
        ).history
    ]  # fmt: skip
    logs.append(
        model.evaluate(
            strategy.distribute_datasets_from_function(data),
            steps=2, verbose=0, return_dict=True,
        )
    )  # fmt: skip
    shown = [
        float(np.mean(log[n])) for log in logs for n in ("loss", "accuracy")
    ]
    return velocities(model), shown


def keras_losses(mirrored, one):
    two, shown = with_keras_loss(mirrored, (5, 8), NormalizedGradientModel)
    found = {"shown": shown}
    for name, kind in (
        ("one", NormalizedGradientModel),
        ("plain", keras.Model),
    ):
        single, shown = with_keras_loss(one, (8,), kind)
        found[name] = {"gradients": difference(two, single), "shown": shown}
    return found


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

    @tf.function(autograph=False)
    def sums(part):
        return model.batch_sums(part, model.trainable_variables, [])[0][0]

    losses = mirrored.run(sums, args=(next(data),))
    return [
        float(loss.numpy())
        for loss in mirrored.experimental_local_results(losses)
    ]


def main():
    one = strategies.make_strategy("none")
    mirrored = strategies.make_strategy("mirrored", 2)
    keras.utils.set_random_seed(0)
    found = {
        # as the trials of a search do, whose gradients have other shapes
        "made once": mirrored is strategies.make_strategy("mirrored", 2)
    }
    for dtype, rules in RULES.items():
        for rule in rules:
            found[f"{dtype} {rule}"] = compare(
                mirrored,
                one,
                dtype=dtype,
                gradient_rule=rule,
                per_use_clip_norm=0.05 if rule == "clip" else 0.0,
                clip_norm=0.05,
            )
    for dtype in ("mixed_bfloat16", "mixed_float16"):
        found[dtype] = compare(mirrored, one, dtype=dtype)
    found["slices"] = compare(
        mirrored, one, accumulation_steps=3, gradient_rule="unit"
    )
    found["xla"] = compare(mirrored, one, jit_compile=True)
    found["overflow"] = [overflow(mirrored, replica) for replica in (0, 1)]
    found["infinite"] = [overflow(mirrored, 1, "float32")]
    found["lowest"] = overflow(mirrored, 1, scale=1.0)
    found["too long"] = [
        overflow(mirrored, 2, dtype, max_gradient_norm=1e-6)
        for dtype in ("mixed_float16", "float32")
    ]
    found["keras"] = keras_losses(mirrored, one)
    found["dropout"] = dropout(mirrored)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
