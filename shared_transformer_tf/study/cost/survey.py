"""Weights, FLOPs and speed of models before a study: a process of its own.

python -m shared_transformer_tf.study.cost.survey < REQUEST

The request is a line of JSON: `configs`, of which the first has text that is
there, if some are `timed`; the numbers of those, for `seconds` each;
`sentence_tokens`, for the FLOPs. Prints a line of JSON for each config:
`weights`, `flops_per_token` and, where timed, `tokens_per_second`.
"""

import json
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from shared_transformer_tf import experiment, trained_run
from shared_transformer_tf.config import Config
from shared_transformer_tf.data import corpus, pipeline
from shared_transformer_tf.data.tokenizer import Tokenizer
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.models import complexity

_WARM_UP = 3


def main() -> int:
    """Does what a request asks for; returns the exit code."""
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    try:
        for found in survey(request):
            print(json.dumps(found), flush=True)
    except (InputError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


def _end_with_standard_input() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGKILL)  # it has nothing to save


def survey(request: dict[str, Any]) -> Iterator[dict[str, float]]:
    """Yields what the module says of each config."""
    configs = [Config.from_dict(one) for one in request["configs"]]
    text = tokenizer = None
    if request["timed"]:
        first = configs[0]
        text = corpus.load_split(first.data, "train", first.training.seed)
        tokenizer = Tokenizer.from_config(
            text.source, text.target, first.tokenizer
        )
    tokens = request["sentence_tokens"]
    for number, one in enumerate(configs):
        keras.utils.set_random_seed(one.training.seed)
        size = one.tokenizer.vocabulary_size
        model = trained_run.build_model(
            one,
            types.SimpleNamespace(
                source_vocabulary_size=size, target_vocabulary_size=size
            ),
        )
        cost = complexity.complexity(model, tokens, tokens)
        found = {
            "weights": sum(cost.weights.values()),
            "flops_per_token": cost.training_flops / tokens,
        }
        if number in request["timed"]:
            experiment.compile_model(model, one)
            batches = experiment.training_batches(one, text, tokenizer)
            found["tokens_per_second"] = _speed(
                model, batches, request["seconds"]
            )
        yield found


def _speed(
    model: keras.Model, batches: pipeline.TrainingBatches, at_least: float
) -> float:
    ids = tf.TensorSpec((None, None), tf.int32)
    update = tf.function(
        model.train_step,
        autograph=False,
        input_signature=[((ids, ids), ids)],
    )

    def run(step: int) -> float:
        batch = tf.nest.map_structure(tf.constant, batches.batch(step))
        return float(update(batch)["tokens"])

    for step in range(_WARM_UP):
        run(step)
    # time of this process alone, whatever else the processor does
    tokens, step, start = 0.0, _WARM_UP, time.process_time()
    while (seconds := time.process_time() - start) < at_least:
        tokens += run(step)
        step += 1
    return tokens / seconds


if __name__ == "__main__":
    sys.exit(main())
