"""Flags that override the search of a run, one per `DecodingConfig` field."""

import dataclasses

from absl import flags

from shared_transformer_tf import config as config_lib
from shared_transformer_tf import errors

_HELP = {
    "beam_size": "Hypotheses kept per sentence; 1 is greedy.",
    "length_penalty": "Divide log-probabilities by GNMT's penalty or by a "
    "power of the length.",
    "alpha": "Exponent of the length penalty; 0 turns it off.",
    "coverage_penalty": "Weight of GNMT's coverage penalty; 0 turns it off.",
    "max_length_factor": "A sentence may have so many output tokens per "
    "input token, plus the offset.",
    "max_length_offset": "Output tokens allowed beyond the factor.",
    "batch_sentences": "Sentences translated at once.",
}


def define(values: flags.FlagValues) -> None:
    """Defines one flag per field; unset means: as the run's config says."""
    for field in dataclasses.fields(config_lib.DecodingConfig):
        text = _HELP[field.name] + " Unset: as in the run's config."
        choices = field.metadata.get("choices")
        if choices:
            flags.DEFINE_enum(
                field.name, None, choices, text, flag_values=values
            )
        elif field.type is int:
            flags.DEFINE_integer(field.name, None, text, flag_values=values)
        else:
            flags.DEFINE_float(field.name, None, text, flag_values=values)


def given(values: flags.FlagValues) -> dict[str, object]:
    """Returns the fields that the command line sets."""
    return {
        field.name: values[field.name].value
        for field in dataclasses.fields(config_lib.DecodingConfig)
        if values[field.name].value is not None
    }


def options(
    values: flags.FlagValues, config: config_lib.Config
) -> config_lib.DecodingConfig:
    """Returns the run's search with the overrides of the command line.

    Raises:
        InputError: if a value is out of range.
    """
    decoding = dataclasses.replace(config.decoding, **given(values))
    dataclasses.replace(config, decoding=decoding).validate()
    return decoding


def refuse(values: flags.FlagValues, reason: str) -> None:
    """Refuses every override of the search.

    Raises:
        InputError: if one was given; it names it and says the reason.
    """
    for name in given(values):
        raise errors.InputError(f"--{name} cannot be set here: {reason}")
