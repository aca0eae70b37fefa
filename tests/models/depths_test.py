"""Uses and depths belong together as the forward pass has them."""

import numpy as np
import pytest

from shared_transformer_tf.models.depths import depths_of_uses
from shared_transformer_tf.models.transformer import SharedTransformer


@pytest.mark.parametrize(
    "options",
    [
        {"num_layers": 4, "num_blocks": 2, "sharing": "cycle_rev"},
        {"num_layers": 3, "sharing": "universal", "decoder": {"num_layers": 2}},
        {"num_layers": 2, "shared_with_decoder": "feed_forward"},
        {"num_layers": 2, "sharing": "universal", "shared_with_decoder": "all"},
    ],
)
def test_every_use_has_its_depth(options):
    model = SharedTransformer(
        30, hidden_dim=8, num_heads=2, intermediate_dim=8, **options
    )
    model.compile("adam")
    ids = np.ones((2, 3), np.int32)
    uses = model.count_uses(((ids, ids), ids))
    depths = depths_of_uses(model)
    counted = {
        path.removeprefix(f"{model.name}/").rpartition("/")[0]: count
        for path, count in uses.items()
        if "/block_" in path and "_norm/" not in path
    }
    assert {path: len(places) for path, places in depths.items()} == counted
    for stack in (model.encoder, model.decoder):
        at = [d for places in depths.values() for s, d in places]
        assert set(at) >= set(range(stack.num_layers))
