"""What each gradient rule changes in the weights, by optimizer.

A small model with every layer shared takes the same updates from the same
weights on the same batches under each rule. A rule that changes nothing ends
where `none` ends.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from shared_transformer_tf.config import GRADIENT_RULES
from shared_transformer_tf.models.transformer import SharedTransformer

_ROWS, _LENGTH, _WORDS = 16, 8, 100
_CLIP_NORM = 0.5  # of the global clip, and of each use by the rule `clip`

_OPTIMIZERS: dict[str, tuple[Callable[[], keras.Optimizer], float]] = {
    "adam": (lambda: keras.optimizers.Adam(1e-3, epsilon=1e-9), 0.0),
    "adam, global clip": (
        lambda: keras.optimizers.Adam(1e-3, epsilon=1e-9),
        _CLIP_NORM,
    ),
    "sgd": (lambda: keras.optimizers.SGD(0.1), 0.0),
}


def compare_rules(updates: int = 50) -> dict[str, dict[str, float]]:
    """Returns how far each rule leads away from where `none` leads.

    By optimizer, then by rule or `update_scaling`: the distance between the
    weights that two trainings end with, over the way that the one with
    `none` went.

    Args:
        updates: of each training.
    """
    results = {}
    for name, (make_optimizer, clip_norm) in _OPTIMIZERS.items():
        start, plain = _trained(updates, make_optimizer(), clip_norm)
        way = np.linalg.norm(plain - start)
        settings = {
            rule: {"gradient_rule": rule} for rule in GRADIENT_RULES[1:]
        }
        settings["clip"]["per_use_clip_norm"] = _CLIP_NORM / 8
        settings["update_scaling=uses"] = {"update_scaling": "uses"}
        results[name] = {}
        for rule, setting in settings.items():
            _, end = _trained(updates, make_optimizer(), clip_norm, **setting)
            distance = np.linalg.norm(end - plain) / way
            results[name][rule] = float(distance)
    return results


def _trained(
    updates: int, optimizer, clip_norm: float, **settings
) -> tuple[np.ndarray, np.ndarray]:
    """The weights before and after, each as one vector in float64."""
    keras.utils.set_random_seed(1)
    model = SharedTransformer(
        _WORDS,
        num_layers=4,
        sharing="universal",
        hidden_dim=32,
        num_heads=4,
        intermediate_dim=64,
        dropout=0.0,
    )
    model.compile(optimizer, clip_norm=clip_norm, **settings)
    optimizer.build(model.trainable_variables)  # else the step is traced twice
    start = _vector(model)
    rng = np.random.default_rng(0)
    update = tf.function(model.train_step, autograph=False)
    for _ in range(updates):
        ids = rng.integers(4, _WORDS, (2, _ROWS, _LENGTH))
        source, target = (tf.constant(one, tf.int32) for one in ids)
        update(((source, target), target))
    return start, _vector(model)


def _vector(model: keras.Model) -> np.ndarray:
    return np.concatenate(
        [w.numpy().astype(np.float64).ravel() for w in model.trainable_weights]
    )
