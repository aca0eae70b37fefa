"""A beam search of an untrained model, as a contender of `benchmark.decoding`.

python -m shared_transformer_tf.benchmark.search_step JSON
"""

import json
import sys

import keras
import numpy as np
import tensorflow as tf

from shared_transformer_tf.benchmark import contender
from shared_transformer_tf.config import DecodingConfig
from shared_transformer_tf.decoding import search
from shared_transformer_tf.models.complexity import complexity
from shared_transformer_tf.models.transformer import SharedTransformer


def main(settings: dict) -> None:
    """Serves searches whose rows all go on to the same length.

    Args:
        settings: `model`, arguments of `SharedTransformer`; `rows` and
            `length` of the batch, which is that of the translations too;
            `beam_size`.
    """
    keras.utils.set_random_seed(1)
    model = SharedTransformer(**settings["model"])
    rows, length = settings["rows"], settings["length"]
    options = DecodingConfig(
        beam_size=settings["beam_size"],
        max_length_factor=0.0,
        max_length_offset=length,
    )

    @tf.function(autograph=False)
    def translate(source):
        return search.search(model, source, options, length, 1).ids

    words = settings["model"]["vocabulary_size"]
    source = tf.constant(
        np.random.default_rng(0).integers(4, words, [rows, length]), tf.int32
    )
    model((source, source))
    found = translate(source)
    contender.serve(
        lambda: translate(source).numpy(),
        tokens=int(found.shape[-1]),
        search_flops=_search_flops(model, length, settings["beam_size"]),
        weights=int(sum(np.prod(x.shape) for x in model.trainable_weights)),
        memory_projections=_memory_projections(translate, source, model),
    )


def _search_flops(model, length: int, beam_size: int) -> float:
    """Returns FLOPs of a sentence: the decoder's count for each beam."""
    costs = complexity(model, length, length)
    source = dict(costs.source_flops)
    blocks = len(model.decoder.cross_attentions)
    memory = source.pop("cross_attention_memory") / model.decoder.num_layers
    return length * (
        sum(source.values())
        + blocks * memory
        + beam_size * sum(costs.target_flops.values())
    )


def _memory_projections(translate, source, model) -> int:
    """Counts the products that make keys and values of the source."""
    graph = translate.get_concrete_function(source).graph
    inner = {id(outer): tensor for outer, tensor in graph.captures}
    reads = [
        read
        for sublayer in model.decoder.cross_attentions
        for read in inner[id(sublayer.kernel.value.handle)].consumers()
    ]
    users = [use for read in reads for use in read.outputs[0].consumers()]
    if {use.type for use in users} != {"MatMul"}:
        raise ValueError(
            f"Keys and values of the source are made by {users}, expected "
            "products outside the loop alone."
        )
    return len(users)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
