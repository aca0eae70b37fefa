"""Trainings that count updates: nothing is learnt, no long graph is traced.

For what is about steps, tokens, checkpoints and messages alone.
"""

import tensorflow as tf

from shared_transformer_tf import dev_set
from shared_transformer_tf.models.transformer import SharedTransformer


def _train_step(model, data):
    model.optimizer.iterations.assign_add(1)
    one = tf.constant(1.0)
    return {
        "loss": one,
        "batch_loss": one,
        "tokens": tf.math.count_nonzero(data[1], dtype=tf.float32),
        "gradient_norm": one,
        "skipped": 0.0 * one,
        "loss_scale": one,
    }


def use(patch):
    """Has all trainings do that; every evaluation finds the same scores.

    Args:
        patch: of pytest, that undoes it.
    """
    scores = {"bleu": 1.0, "chrf": 1.0, "loss": 1.0}
    patch.setattr(SharedTransformer, "train_step", _train_step)
    patch.setattr(dev_set, "make_evaluation", lambda *_: lambda: scores)
