"""What arms train: depth, blocks and settings against vanilla's."""

import pytest

from shared_transformer_tf import sharing
from shared_transformer_tf.config import Config
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study.arms import check, check_names, make_arms
from shared_transformer_tf.study.settings import changed

M = 4
ARMS = make_arms(M)


def config(name):
    base = Config()
    base.model.num_layers = M
    return changed(base, ARMS[name].settings)


def plan(name):
    encoder, _ = sharing.stack_options(vars(config(name).model), {})
    return sharing.make_plan(encoder, sharing.ENCODER_KINDS)


def test_the_arms_of_the_method_are_there():
    named = "vanilla shared tuned shared_tuned compact deep shared_cycle_rev"
    ablations = "uses sqrt_uses unit update_uses residual_uses"
    assert " ".join(ARMS) == f"{named} {ablations}"


@pytest.mark.parametrize("name", ARMS)
def test_depth_and_blocks(name):
    once = name in ("vanilla", "tuned", "compact")
    assert config(name).model.num_layers == (M if once else 2 * M)
    blocks = {"compact": M // 2, "deep": 2 * M}.get(name, M)
    assert plan(name).num_objects("feed_forward") == blocks
    assert len(plan(name).uses("feed_forward")) == blocks


@pytest.mark.parametrize("name", ARMS)
def test_settings_of_a_search_are_those_of_a_model_that_was_searched(name):
    expected = {"tuned": "vanilla", "shared_tuned": "shared"}
    expected["compact"] = "shared"
    assert ARMS[name].search == expected.get(name, "")


@pytest.mark.parametrize("name", ["uses", "sqrt_uses", "unit"])
def test_rules_leave_embeddings_alone(name):
    training = config(name).training
    assert training.gradient_rule == name
    assert training.embedding_gradient_rule == "none"


def test_ablations_differ_from_shared_in_one_thing():
    for name, fields in (
        ("uses", {"gradient_rule", "embedding_gradient_rule"}),
        ("update_uses", {"update_scaling"}),
        ("residual_uses", {"residual_scale"}),
        ("shared_cycle_rev", {"sharing"}),
    ):
        ours, shared = ARMS[name].settings, ARMS["shared"].settings
        differing = {
            field.split(".")[1]
            for field in {**ours, **shared}
            if ours.get(field) != shared.get(field)
        }
        assert differing == fields


def test_an_odd_number_of_blocks_has_no_half():
    assert ARMS.keys() - make_arms(3).keys() == {"compact"}
    check(["vanilla", "shared"], 3, "s")
    with pytest.raises(InputError, match="num_layers=3, expected an even"):
        check(["vanilla", "compact"], 3, "s")
    with pytest.raises(InputError, match="study s has an arm 'x'. Valid: van"):
        check(["x"], 2, "s")


def test_names_keep_the_order_of_the_study():
    assert check_names(["b", "a", "a"], ["a", "b", "c"], "arm") == ("a", "b")
    assert check_names([], ["a", "b"], "arm") == ("a", "b")
    with pytest.raises(InputError, match="no arm 'd'. Choose from a, b"):
        check_names(["d"], ["a", "b"], "arm")
