"""Scores of a trained cell on its dev and its test set."""

import time
from typing import Any

import keras

from shared_transformer_tf.data import corpus, pipeline, token_pairs
from shared_transformer_tf.evaluation import metrics, sufficient_statistics
from shared_transformer_tf.models import complexity
from shared_transformer_tf.trained_run import Run


def dev(run: Run) -> dict[str, float]:
    """Returns BLEU, chrF and the loss per token, in nats, of the dev set.

    The averaged weights, with the run's own search.
    """
    text = _text(run, "valid")
    hypotheses = run.translator()(text.source)
    pairs = token_pairs.encode_pairs(text, run.tokenizer, run.config.data)
    batches = pipeline.evaluation_batches(
        pairs, run.config.data.batch_tokens, run.config.data.num_buckets
    )
    run.model.compile(keras.optimizers.SGD())  # an update is never done
    loss = run.model.evaluate(
        batches.one_epoch(),
        steps=batches.steps_per_epoch(),
        verbose=0,
        return_dict=True,
    )["loss"]
    return metrics.dev_scores(hypotheses, text.target) | {"loss": float(loss)}


def test(run: Run) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns scores of the test set, and what BLEU sums per sentence."""
    text = _text(run, "test")
    start = time.perf_counter()
    hypotheses = run.translator()(text.source)
    seconds = time.perf_counter() - start
    scores = metrics.evaluate(hypotheses, text.target).to_dict() | {
        "sentences": len(text),
        "seconds": round(seconds, 2),
    }
    rows = sufficient_statistics.bleu_statistics(hypotheses, text.target)
    return scores, {
        "columns": list(sufficient_statistics.COLUMNS),
        "rows": rows.tolist(),
    }


def cost(run: Run) -> tuple[int, float]:
    """Returns unique weights, and FLOPs of training per target token.

    At the mean lengths of the training text, in whole tokens.
    """
    pairs = token_pairs.encode_pairs(
        _text(run, "train"), run.tokenizer, run.config.data
    )
    source, target = (
        round(1 + sum(map(len, side)) / len(pairs))
        for side in (pairs.source, pairs.target)
    )
    found = complexity.complexity(run.model, source, target)
    return sum(found.weights.values()), found.training_flops / target


def _text(run: Run, split: str) -> corpus.ParallelText:
    return corpus.load_split(run.config.data, split, run.config.training.seed)
