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
    shared = contender(num_layers=4, num_blocks=2, sharing="cycle")
    (two, four), ((turn, _),) = turns.take(
        [contender(num_layers=2), shared], rounds=1, steps=[2, 1]
    )
    assert len(turn["each"]) == 2
    assert turn["seconds"] == pytest.approx(sum(turn["each"]))
    assert two["tokens"] == four["tokens"] == 6
    assert two["memory_projections"] == four["memory_projections"] == 2
    assert four["weights"] == two["weights"]
    # of 6 tokens, 16 wide, per layer: encoder, then each of 2 beams
    layer = 6 * (4 * 2 * 16 * 16 + 4 * 16 * 6 + 4 * 16 * 32)
    cross = 6 * (2 * 2 * 16 * 16 + 4 * 16 * 6)
    grown = 2 * (layer + 2 * (layer + cross))
    assert four["search_flops"] - two["search_flops"] == grown
