"""What a search costs grows with depth; what is made once is not."""

import json
import sys

import pytest

from shared_transformer_tf.benchmark import turns

SIZES = {
    "vocabulary_size": 20,
    "hidden_dim": 16,
    "num_heads": 2,
    "intermediate_dim": 32,
}


def contender(**sizes):
    settings = {"rows": 2, "length": 6, "beam_size": 2, "model": SIZES | sizes}
    module = "shared_transformer_tf.benchmark.search_step"
    command = (sys.executable, "-m", module, json.dumps(settings))
    return turns.Contender("search", command, 2)


def test_keys_and_values_of_the_source_are_made_once_per_block():
    shared = contender(num_layers=2, num_blocks=1, sharing="universal")
    (one, two), ((turn, _),) = turns.take(
        [contender(num_layers=1), shared], rounds=1, steps=[2, 1]
    )
    assert len(turn["each"]) == 2
    assert turn["seconds"] == pytest.approx(sum(turn["each"]))
    assert one["tokens"] == two["tokens"] == 6
    assert one["memory_projections"] == two["memory_projections"] == 1
    assert two["weights"] == one["weights"]
    # of 6 tokens, 16 wide, per layer: encoder, then each of 2 beams
    layer = 6 * (4 * 2 * 16 * 16 + 4 * 16 * 6 + 4 * 16 * 32)
    cross = 6 * (2 * 2 * 16 * 16 + 4 * 16 * 6)
    grown = layer + 2 * (layer + cross)
    assert two["search_flops"] - one["search_flops"] == grown
