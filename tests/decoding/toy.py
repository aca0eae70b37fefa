"""A toy language model over few tokens whose step depends on all history."""

import itertools

import numpy as np
import tensorflow as tf

from shared_transformer_tf import config
from shared_transformer_tf.decoding import hypotheses

WORDS = (config.UNKNOWN_ID, 4, 5)
VOCABULARY = 6
STEPS = 12
CLASSES = 7


class ToyModel:
    """Random logits by row, position and a checksum of all tokens so far.

    The checksum comes from a cache that grows, so that a wrong reordering
    of the state changes the scores.
    """

    def __init__(self, rows: int, seed: int = 0):
        generator = np.random.default_rng(seed)
        size = (rows, STEPS, CLASSES, VOCABULARY)
        self.logits = 2 * generator.standard_normal(size).astype("float32")
        self.sources = 4
        size = (rows, STEPS, CLASSES, self.sources)
        attention = generator.random(size).astype("float32")
        self.attention = attention / attention.sum(-1, keepdims=True)

    def space(self, limits, beams, rows=None):
        rows = list(range(len(self.logits))) if rows is None else rows
        context = self.logits[rows], self.attention[rows]

        def step_fn(ids, position, state, context):
            logits, attention = context
            ids = tf.cast(ids, tf.float32)[:, :, tf.newaxis, tf.newaxis]
            history = tf.concat([state["history"], ids], 2)
            weights = tf.range(1, tf.shape(history)[2] + 1)
            weights = tf.cast(weights, tf.float32)[:, tf.newaxis]
            sums = tf.reduce_sum(history * weights, [2, 3])
            classes = tf.cast(sums, tf.int32) % CLASSES
            return (
                tf.gather(logits[:, position], classes, batch_dims=1),
                tf.gather(attention[:, position], classes, batch_dims=1),
                {"history": history},
            )

        return hypotheses.SearchSpace(
            step_fn,
            {"history": tf.zeros([len(rows), beams, 0, 1])},
            tf.constant(limits, tf.int32),
            tf.ones([len(rows), self.sources], tf.bool),
            context=tuple(tf.constant(part) for part in context),
        )

    def rescore(self, row, tokens):
        """Returns log-probability and coverage, step by step in numpy."""
        history, total = [config.START_ID], 0.0
        coverage = np.zeros(self.sources)
        for position, token in enumerate(tokens):
            weighted = sum(i * x for i, x in enumerate(history, 1))
            logits = self.logits[row, position, weighted % CLASSES]
            logits = logits.astype("float64")
            total += logits[token] - np.log(np.exp(logits).sum())
            coverage += self.attention[row, position, weighted % CLASSES]
            history.append(token)
        return total, coverage

    def score(self, row, tokens, options):
        """Returns the normalised score by the formulas of the paper."""
        total, coverage = self.rescore(row, tokens)
        length = len(tokens)
        if options.length_penalty == "gnmt":
            length = (5 + length) / 6
        penalty = options.coverage_penalty
        covered = np.log(np.minimum(coverage, 1)).sum() if penalty else 0
        return total / length**options.alpha + penalty * covered

    def best(self, row, limit, options):
        """Returns every finished hypothesis within the limit, best first."""
        finished = [
            (*words, config.END_ID)
            for length in range(limit)
            for words in itertools.product(WORDS, repeat=length)
        ]
        return sorted(
            ((self.score(row, x, options), x) for x in finished), reverse=True
        )
