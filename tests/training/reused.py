"""A small model that uses one layer three times, batches, trainings of it."""

import keras
import numpy as np

from shared_transformer_tf.training.model import NormalizedGradientModel


class Tagger(NormalizedGradientModel):
    """A label for each token; one dense layer is applied three times."""

    def __init__(self, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        policy = {"dtype": self.dtype_policy}
        self.embedding = keras.layers.Embedding(
            15, 6, name="embedding", **policy
        )
        self.hidden = keras.layers.Dense(6, "tanh", name="hidden", **policy)
        self.dropout = keras.layers.Dropout(
            dropout, seed=1, name="dropout", **policy
        )
        self.logits = keras.layers.Dense(15, name="logits", **policy)
        self.build((None, None))

    def build(self, shape):
        self.embedding.build(shape)
        for layer in (self.hidden, self.logits):
            layer.build((*shape, 6))
        self.built = True

    def call(self, inputs, training=None):
        x = self.embedding(inputs[1])
        for _ in range(3):
            x = self.dropout(self.hidden(x), training=training)
        return self.logits(x)


def tagger(**kwargs):
    keras.utils.set_random_seed(0)
    return Tagger(**kwargs)


def batch(seed=0, rows=6):
    rng = np.random.default_rng(seed)
    source = rng.integers(4, 15, (rows, 5))
    target = rng.integers(4, 15, (rows, 7))
    for ids, most in ((source, 5), (target, 7)):
        for row, length in enumerate(rng.integers(1, most + 1, rows)):
            ids[row, length:] = 0
    target_in = np.pad(target[:, :-1], [(0, 0), (1, 0)], constant_values=2)
    return (source.astype("int32"), target_in.astype("int32")), target.astype(
        "int32"
    )


def values(model):
    return [v.numpy().copy() for v in model.trainable_variables]


def velocities(model):
    """What SGD with momentum has gathered of the gradients, by weight.

    Unlike the weights, it is not rounded to what they were before.
    """
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    found = [v.numpy().copy() for v in optimizer.momentums]
    assert all(np.abs(v).max() > 0 for v in found)  # every weight moves
    return found


def trained(model, optimizer=None, steps=3, **settings):
    model.compile(optimizer or keras.optimizers.SGD(0.1), **settings)
    logs = [
        model.train_on_batch(*batch(step), return_dict=True)
        for step in range(steps)
    ]
    return values(model), logs


def assert_close(ours, theirs, tolerance):
    for one, other in zip(ours, theirs, strict=True):
        scale = max(np.abs(other).max(), 1e-9)
        assert np.abs(one - other).max() <= tolerance * scale
