"""What is searched acts; what does not is left out with its reason."""

import pytest

from shared_transformer_tf.config import Config
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study import settings as settings_lib
from shared_transformer_tf.study.search import space as space_lib

OF_SHARING = {
    "training.gradient_rule",
    "training.update_scaling",
    "model.residual_scale",
}


def shared(**training):
    config = Config()
    config.model.num_layers, config.model.num_blocks = 4, 2
    config.model.sharing = "sequence"
    for name, value in training.items():
        setattr(config.training, name, value)
    config.validate()
    return config


def field(config, name, only=()):
    space = space_lib.make_space(config, only)
    return {f.name.split(".")[1]: f for f in space.fields}[name]


def test_every_field_is_searched_or_left_out_with_a_reason():
    for config in (Config(), shared(), shared(optimizer="sgd")):
        space = space_lib.make_space(config)
        names = [f.name for f in space.fields] + list(space.left_out)
        assert sorted(names) == sorted(space_lib.FIELDS)
        assert all(space.left_out.values())
        lines = space.describe().splitlines()
        assert len(lines) == len(space_lib.FIELDS)


def test_fields_of_sharing_are_searched_only_where_layers_are_shared():
    assert OF_SHARING <= space_lib.make_space(Config()).left_out.keys()
    assert not space_lib.make_space(shared()).left_out
    lent = Config()
    lent.model.shared_with_decoder = "feed_forward"
    assert not space_lib.make_space(lent).left_out
    of_decoder = Config()
    of_decoder.decoder.sharing, of_decoder.decoder.num_blocks = "cycle", 2
    assert not space_lib.make_space(of_decoder).left_out


def test_a_lambda_that_other_scales_do_not_read_fixes_the_scale():
    config = shared()
    config.model.residual_scale = "inverse_uses_sqrt_blocks"
    config.model.residual_lambda = 0.5
    left_out = space_lib.make_space(config).left_out
    assert "residual_lambda is set" in left_out["model.residual_scale"]


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_a_rate_that_has_to_fall_does_within_every_trial(schedule):
    config = shared(schedule=schedule, warmup_steps=900)
    largest = max(field(config, "batch_tokens").choices)
    budget = 1000 * largest
    space = space_lib.make_space(config, (), budget)
    (warm_up,) = (f for f in space.fields if f.name == "training.warmup_steps")
    assert warm_up.high == 999 > warm_up.default > warm_up.low
    alone = space_lib.make_space(config, ["warmup_steps"], budget)
    assert alone.fields[0].high > 999  # its batches are the config's
    config.training.warmup_steps = 1000
    with pytest.raises(InputError, match="a warm-up of at most 999"):
        space_lib.make_space(config, (), budget)
    config.training.schedule = "inverse_sqrt"
    assert field(config, "warmup_steps").high == 4000
    for unchanged in (0, budget):
        found = space_lib.make_space(config, ["warmup_steps"], unchanged)
        assert found.fields[0].high == 4000


@pytest.mark.parametrize("optimizer", ["sgd", "adafactor"])
def test_fields_of_adam_are_searched_only_for_adam(optimizer):
    config = Config()
    config.training.optimizer = optimizer
    left_out = space_lib.make_space(config).left_out
    assert {"training.beta_2", "training.epsilon"} <= left_out.keys()
    assert optimizer in left_out["training.epsilon"]


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "adafactor"])
def test_update_scaling_is_searched_for_every_optimizer(optimizer):
    config = shared(optimizer=optimizer)
    choices = field(config, "update_scaling").choices
    assert {"none", "uses"} <= set(choices)
    for choice in choices:
        changes = {"training.update_scaling": choice}
        trial = settings_lib.changed(config, changes)
        trial.validate()  # it may be refused nowhere
        assert trial.training.update_scaling == choice


def test_linear_rules_are_offered_only_where_they_act():
    linear = {"uses", "sqrt_uses"}
    for config, only, acts in (
        (shared(clip_norm=1.0), (), True),
        (shared(clip_norm=0.0), (), False),
        (shared(clip_norm=0.0), ("gradient_rule",), False),
        (shared(clip_norm=1.0), ("gradient_rule",), True),
        (shared(clip_norm=0.0, optimizer="sgd"), (), True),
        (shared(clip_norm=0.0, optimizer="adafactor"), (), False),
    ):
        offered = set(field(config, "gradient_rule", only).choices)
        assert (linear <= offered) == acts
        assert offered & linear in (linear, set())


def test_where_linear_rules_are_offered_under_adam_every_trial_clips():
    assert 0.0 not in field(shared(), "clip_norm").choices
    assert 0.0 in field(shared(), "clip_norm", ("clip_norm",)).choices
    assert 0.0 in field(shared(optimizer="sgd"), "clip_norm").choices
    assert 0.0 in field(shared(clip_norm=0.0), "clip_norm").choices
    assert 0.0 in field(Config(), "clip_norm").choices


def test_deepnorm_is_offered_only_for_post_norm():
    assert "deepnorm" not in field(shared(), "residual_scale").choices
    post = shared()
    post.model.normalization = "post"
    assert "deepnorm" in field(post, "residual_scale").choices


def test_the_learning_rate_spans_two_decades_around_the_config():
    rate = field(Config(), "learning_rate")
    assert rate.high / rate.low == pytest.approx(100)
    assert rate.low < rate.default < rate.high


def test_the_own_value_of_the_config_is_always_among_the_values():
    odd = shared(
        warmup_steps=0,
        epsilon=1e-3,
        beta_2=0.97,
        label_smoothing=0.13,
        clip_norm=3.3,
        gradient_rule="uses",
    )
    odd.model.dropout = 0.33
    for config in (Config(), shared(), odd):
        for one in space_lib.make_space(config).fields:
            if one.choices:
                assert one.default in one.choices
            else:
                assert one.low <= one.default <= one.high


def test_every_value_makes_a_valid_config():
    config = shared()
    for one in space_lib.make_space(config).fields:
        for value in one.choices or (one.low, one.high):
            changed = settings_lib.changed(config, {one.name: one.value(value)})
            assert space_lib.get(changed, one.name) == one.value(value)
    assert config == shared()


def test_drawn_values_get_few_digits():
    assert field(Config(), "learning_rate").value(0.00123456789) == 0.001235
    assert field(Config(), "warmup_steps").value(17) == 17


def test_named_fields_alone_are_searched():
    space = space_lib.make_space(Config(), ["model.dropout", "learning_rate"])
    names = [f.name for f in space.fields]
    assert names == ["training.learning_rate", "model.dropout"]
    assert space.left_out["training.clip_norm"] == "not in --fields"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hidden_dim", "'hidden_dim', which is not searched. Valid: training"),
        ("update_scaling", "does not act in this config: no layer is applied"),
    ],
)
def test_unknown_and_silent_fields_are_refused(name, message):
    with pytest.raises(InputError, match=message):
        space_lib.make_space(Config(), [name])


def test_a_rule_with_a_norm_of_its_own_is_not_searched():
    config = shared(gradient_rule="clip", per_use_clip_norm=1.0)
    left_out = space_lib.make_space(config).left_out
    assert "training.gradient_rule" in left_out
