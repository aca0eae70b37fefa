"""Sublayers of a plan: how many, which names, and which are borrowed."""

import pytest

from shared_transformer_tf.layers.sublayers import make_norms, make_sublayers
from shared_transformer_tf.sharing import DECODER_KINDS, SharingPlan


class Sublayer:
    """Stands for a layer: an object with a name."""

    def __init__(self, name):
        self.name = name


def make_plan(sharing="cycle", num_blocks=2, **options):
    return SharingPlan.create(4, num_blocks, sharing, **options)


def names(sublayers):
    return [sublayer.name for sublayer in sublayers]


@pytest.mark.parametrize(
    ("sharing", "num_blocks"),
    [("none", 4), ("universal", 1), ("cycle", 2), ("0 1 2 0", 3)],
)
def test_one_is_made_for_each_block_and_named_by_it(sharing, num_blocks):
    plan = make_plan(sharing, num_blocks)
    made = make_sublayers(plan, "feed_forward", Sublayer, {})
    expected = [f"block_{index}_feed_forward" for index in range(num_blocks)]
    assert names(made) == expected
    assert len({id(sublayer) for sublayer in made}) == num_blocks


def test_kinds_that_are_not_shared_are_made_for_each_depth():
    plan = make_plan(shared_sublayers="feed_forward")
    assert len(make_sublayers(plan, "feed_forward", Sublayer, {})) == 2
    assert len(make_sublayers(plan, "self_attention", Sublayer, {})) == 4


@pytest.mark.parametrize("offered", [2, 3])
def test_borrowed_ones_are_taken_as_they_are_in_order(offered):
    def make(name):
        raise AssertionError(f"{name} is borrowed and must not be made")

    lent = [Sublayer(f"encoder_{index}") for index in range(offered)]
    taken = make_sublayers(
        make_plan(), "feed_forward", make, {"feed_forward": lent}
    )
    assert len(taken) == 2
    assert taken[0] is lent[0]
    assert taken[1] is lent[1]
    assert taken is not lent  # each stack tracks a list of its own


def test_another_kind_is_made_though_one_is_borrowed():
    lent = {"feed_forward": [Sublayer("encoder_0"), Sublayer("encoder_1")]}
    made = make_sublayers(make_plan(), "self_attention", Sublayer, lent)
    assert names(made) == ["block_0_self_attention", "block_1_self_attention"]


@pytest.mark.parametrize("offered", [0, 1])
def test_a_lender_with_too_few_is_refused(offered):
    lent = {"feed_forward": [Sublayer("encoder_0")] * offered}
    message = (
        "2 feed_forward sublayers are to be borrowed, but the lending stack "
        f"has {offered}: give both stacks as many blocks"
    )
    with pytest.raises(ValueError, match=message):
        make_sublayers(make_plan(), "feed_forward", Sublayer, lent)


def test_norms_are_one_for_each_sublayer_of_a_block():
    norms = make_norms(make_plan(kinds=DECODER_KINDS), Sublayer)
    kinds = ["self_attention", "cross_attention", "feed_forward"]
    assert [list(block) for block in norms] == [kinds, kinds]
    assert [names(block.values()) for block in norms] == [
        [f"block_{index}_{kind}_norm" for kind in kinds] for index in (0, 1)
    ]
    assert len({id(norm) for block in norms for norm in block.values()}) == 6


def test_norms_follow_their_own_schedule():
    only_norms = make_plan("universal", 1, shared_sublayers="layer_norm")
    assert len(make_norms(only_norms, Sublayer)) == 1
    others = make_plan("universal", 1, shared_sublayers="feed_forward")
    assert len(make_norms(others, Sublayer)) == 4
