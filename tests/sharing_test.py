"""Sharing plans: which kinds follow the schedule, and how often."""

import pytest

from shared_transformer_tf import sharing
from shared_transformer_tf.config import ModelConfig
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.sharing import SharingPlan


def test_unshared_kinds_are_owned_by_each_depth():
    plan = SharingPlan.create(
        4,
        2,
        "cycle",
        kinds=sharing.DECODER_KINDS,
        shared_sublayers="self_attention, feed_forward",
    )
    assert plan.schedules["self_attention"] == (0, 1, 0, 1)
    assert plan.schedules["feed_forward"] == (0, 1, 0, 1)
    assert plan.schedules["cross_attention"] == (0, 1, 2, 3)
    assert plan.num_objects("layer_norm") == 4
    assert plan.uses("self_attention") == (2, 2)
    assert plan.uses("layer_norm") == (1, 1, 1, 1)


def test_uses_add_up_to_depth():
    for strategy, blocks in (("cycle_rev", 3), ("sandwich", 4)):
        plan = SharingPlan.create(6, blocks, strategy)
        for kind in plan.kinds:
            assert sum(plan.uses(kind)) == 6


def test_unknown_kind_lists_the_valid_ones():
    with pytest.raises(InputError, match="self_attention, cross_attention"):
        SharingPlan.create(2, 1, "cycle", shared_sublayers="ffn")


def test_decoder_follows_the_encoder_where_nothing_else_is_said():
    model = vars(ModelConfig(num_layers=6, num_blocks=3, sharing="cycle"))

    def decoder(**differing):
        _, options = sharing.stack_options(model, differing)
        return [
            options[name] for name in ("num_layers", "num_blocks", "sharing")
        ]

    assert decoder() == [6, 3, "cycle"]
    assert decoder(num_layers=4, sharing="none") == [4, None, "none"]
    assert decoder(num_blocks=2) == [6, 2, "cycle"]
    assert decoder(num_layers=None) == [6, 3, "cycle"]
    assert decoder(num_layers=6, sharing="cycle") == [6, 3, "cycle"]


def test_description_names_every_kind():
    plan = SharingPlan.create(2, 1, "universal", shared_sublayers="layer_norm")
    assert plan.describe() == (
        "0 1 (self_attention, feed_forward); 0 0 (layer_norm)"
    )
