"""Checks of a config: every number has a range, every fault its own line."""

import dataclasses
import math
import typing

import pytest

from shared_transformer_tf import validation
from shared_transformer_tf.config import Config
from shared_transformer_tf.errors import InputError


def fields(kind):
    """The dotted names of all fields of a type."""
    return [
        f"{section.name}.{field.name}"
        for section in dataclasses.fields(Config)
        for field in dataclasses.fields(section.default_factory)
        if kind
        in (
            field.type,
            *typing.get_args(field.type),
        )
    ]


def changed(**values):
    config = Config()
    for name, value in values.items():
        section, field = name.split("__")
        assert hasattr(getattr(config, section), field)
        setattr(getattr(config, section), field, value)
    return config


def refusal(name, value):
    config = changed(**{name.replace(".", "__"): value})
    with pytest.raises(InputError) as error:
        validation.check(config)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_a_training_without_an_end_is_refused():
    assert "never end" in refusal("training.max_steps", 0)
    validation.check(changed(training__max_steps=0, training__max_tokens=1))


def test_there_are_fields_of_each_type():
    assert len(fields(float)) > 15 and len(fields(int)) > 20


@pytest.mark.parametrize("name", fields(float))
def test_floats_are_finite(name):
    for value in (math.inf, -math.inf, math.nan):
        assert refusal(name, value).startswith(f"{name} is {value!r}, expected")


@pytest.mark.parametrize("name", fields(float) + fields(int))
def test_numbers_are_not_negative_and_not_text(name):
    word = name.split(".")[1]
    for value in (-1, "1", True):
        assert word in refusal(name, value)


@pytest.mark.parametrize("name", fields(str) + fields(bool))
def test_texts_and_switches_are_no_numbers(name):
    assert refusal(name, 3).startswith(f"{name} is 3, expected a value of type")


def test_every_choice_is_listed_where_another_word_came():
    count = 0
    for section in dataclasses.fields(Config):
        for field in dataclasses.fields(section.default_factory):
            choices = field.metadata.get("choices")
            if choices:
                count += 1
                message = refusal(f"{section.name}.{field.name}", "other")
                listed = ", ".join(map(str, choices))
                assert f"Choose one of {listed}." in message
    assert count > 8


@pytest.mark.parametrize("name", fields(float))
def test_whole_numbers_become_floats(name):
    config = changed(**{name.replace(".", "__"): 1})
    try:
        validation.check(config)
    except InputError:
        pass  # 1 may be out of range, or wanted by no other setting
    section, field = name.split(".")
    assert type(getattr(getattr(config, section), field)) is float


def test_numbers_at_the_edge_of_their_range():
    validation.check(changed(model__dropout=0.0, training__warmup_steps=0))
    validation.check(changed(decoding__alpha=0.0, training__keep_best=0))
    validation.check(changed(data__batch_tokens=128, data__max_length=128))
    validation.check(changed(training__seed=2**32 - 1))
    assert "below 2^32" in refusal("training.seed", 2**32)
    validation.check(changed(tokenizer__vocabulary_size=5))
    for size in (4, 2**31):
        assert "from 5, four" in refusal("tokenizer.vocabulary_size", size)
    assert "below 1" in refusal("model.dropout", 1.0)
    assert "above 0" in refusal("training.keep_last", 0)
    assert "less than one sentence" in refusal("data.batch_tokens", 127)


def test_a_norm_for_clip_and_the_rule_clip_go_together():
    assert "only the gradient rule 'clip' reads it" in refusal(
        "training.per_use_clip_norm", 1.0
    )
    assert "needs it above 0" in refusal("training.gradient_rule", "clip")
    for name in ("gradient_rule", "embedding_gradient_rule"):
        values = {f"training__{name}": "clip"}
        validation.check(changed(training__per_use_clip_norm=1.0, **values))


def test_a_schedule_that_ends_has_to_fall():
    def training(schedule, warm_up):
        return changed(
            training__schedule=schedule,
            training__max_steps=500,
            training__warmup_steps=warm_up,
        ).training

    for name in ("linear", "cosine"):
        with pytest.raises(InputError, match="warmup_steps is 500 of 500"):
            validation.check_fall(training(name, 500))
        validation.check_fall(training(name, 499))
    validation.check_fall(training("inverse_sqrt", 500))


SCALE = "inverse_uses_sqrt_blocks"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"training__momentum": 0.5}, "set one of sgd, or leave it 0.9"),
        (
            {"training__beta_2": 0.9, "training__optimizer": "sgd"},
            "'sgd' does not read it: set one of adam, adamw, or leave it 0.98",
        ),
        (
            {"training__epsilon": 0.1, "training__optimizer": "adafactor"},
            "training.epsilon is 0.1, but training.optimizer='adafactor'",
        ),
        ({"model__residual_lambda": 0.5}, "model.residual_lambda is 0.5"),
        ({"decoder__residual_lambda": 0.5}, "decoder.residual_lambda is 0.5"),
        (
            {"model__residual_lambda": 0.5, "decoder__residual_lambda": 2.0}
            | {"decoder__residual_scale": SCALE},
            "model.residual_lambda is 0.5",
        ),
    ],
)
def test_what_nothing_would_read_is_refused_where_it_is_set(values, words):
    config = changed(**values)
    with pytest.raises(InputError, match=words):
        validation.check_read(config)
    validation.check(config)  # but a run that has it is still read


@pytest.mark.parametrize(
    "values",
    [
        {"training__momentum": 0.5, "training__optimizer": "sgd"},
        {"training__beta_1": 0.5, "training__optimizer": "adamw"},
        {"model__residual_lambda": 0.5, "model__residual_scale": SCALE},
        {"model__residual_lambda": 0.5, "decoder__residual_scale": SCALE},
        {"decoder__residual_lambda": 0.5, "model__residual_scale": SCALE},
    ],
)
def test_what_something_reads_may_be_set(values):
    validation.check_read(changed(**values))


def test_heads_that_would_divide_are_listed():
    message = refusal("model.num_heads", 3)
    assert "Heads that do: 1, 2, 4, 8, 16, 32, 64." in message


def test_odd_widths_are_refused():
    config = changed(model__hidden_dim=15, model__num_heads=3)
    with pytest.raises(InputError, match="expected an even number"):
        validation.check(config)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"model__sharing": "0 0 1"}, "3 entries, but `num_layers` is 4"),
        (
            {"model__sharing": "0 0 1 2", "model__num_blocks": 2},
            "out of range: with `num_blocks`=2 its indices are 0 to 1",
        ),
        ({"model__sharing": "0 0 2 2"}, "never uses block 1 of 3"),
        (
            {"model__sharing": "sequence", "model__num_blocks": 3},
            "1 .0 0 0 0., 2 .0 0 1 1., 4 .0 1 2 3.",
        ),
        ({"model__sharing": "spiral"}, "Choose one of none, universal"),
        ({"model__unshared_first": 4}, "at most 3"),
        ({"decoder__sharing": "0 1"}, "2 entries"),
        ({"model__shared_sublayers": "norm"}, "layer_norm"),
    ],
)
def test_impossible_plans_say_what_would_do(values, words):
    with pytest.raises(InputError, match=words):
        validation.check(changed(**values))
