"""Flags of the search: one per field, laid over the run's config."""

import dataclasses

import pytest
from absl import flags

from shared_transformer_tf import config as config_lib
from shared_transformer_tf import errors
from shared_transformer_tf.cli import decoding_flags

FIELDS = [field.name for field in dataclasses.fields(config_lib.DecodingConfig)]
OTHER = {
    "beam_size": 2,
    "length_penalty": "power",
    "alpha": 0.25,
    "coverage_penalty": 0.5,
    "max_length_factor": 3.5,
    "max_length_offset": 4,
    "batch_sentences": 7,
}


def parse(*arguments):
    values = flags.FlagValues()
    decoding_flags.define(values)
    values(["name", *arguments])
    return values


def test_every_field_is_a_flag_with_a_help_text():
    values = parse()
    assert set(OTHER) == set(FIELDS)
    for name in FIELDS:
        assert "Unset: as in the run's config." in values[name].help


@pytest.mark.parametrize("name", FIELDS)
def test_a_flag_replaces_its_field_alone(name):
    config = config_lib.Config()
    before = dataclasses.replace(config.decoding)
    values = parse(f"--{name}={OTHER[name]}")
    assert decoding_flags.given(values) == {name: OTHER[name]}
    options = decoding_flags.options(values, config)
    assert options == dataclasses.replace(before, **{name: OTHER[name]})
    assert config.decoding == before


def test_unset_flags_leave_the_search_of_the_run():
    config = config_lib.Config()
    config.decoding.beam_size = 9
    config.decoding.alpha = 0.0
    assert decoding_flags.options(parse(), config) == config.decoding


def test_zero_is_a_value_like_others():
    config = config_lib.Config()
    values = parse("--alpha=0", "--max_length_factor=0")
    options = decoding_flags.options(values, config)
    assert (options.alpha, options.max_length_factor) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--beam_size=-1", "decoding.beam_size is -1, expected above 0"),
        ("--alpha=-0.5", "decoding.alpha is -0.5, expected 0 or above"),
        ("--max_length_factor=inf", "max_length_factor is inf"),
        ("--coverage_penalty=nan", "coverage_penalty is nan"),
    ],
)
def test_values_out_of_range_are_refused(argument, message):
    with pytest.raises(errors.InputError, match=message):
        decoding_flags.options(parse(argument), config_lib.Config())


def test_refuse_names_the_flag_and_the_reason():
    decoding_flags.refuse(parse(), "a reason.")
    with pytest.raises(errors.InputError, match="--alpha .*: a reason."):
        decoding_flags.refuse(parse("--alpha=0"), "a reason.")
