"""Checks of a config that need no text: types, choices, numbers, plans."""

import dataclasses
import math
import typing
from typing import Any

from shared_transformer_tf import errors, sharing

# The one of `config.RESIDUAL_SCALES` that reads `residual_lambda`.
SCALE_OF_LAMBDA = "inverse_uses_sqrt_blocks"
# Schedules that end at the last update.
ENDING_SCHEDULES = ("linear", "cosine")


def check(config: Any) -> None:
    """Checks a `Config`; whole numbers in float fields become floats.

    Raises:
        InputError: naming the field, what came and what would be valid.
    """
    for name, section in vars(config).items():
        _check_types_and_choices(name, section)
    _check_numbers(config)
    _check_model(config.model)
    _check_end(config.training)
    _check_rules(config.training)
    _check_stacks(config)
    if config.model.tied_embeddings == "all" and not config.tokenizer.joint:
        raise errors.InputError(
            "model.tied_embeddings='all' is one matrix for both languages and "
            "needs tokenizer.joint=True: set that, or tied_embeddings to "
            "'decoder'."
        )


def check_known(what: str, name: str, valid: dict[str, Any]) -> None:
    """Refuses a name that a config does not have.

    Raises:
        InputError: listing the valid ones.
    """
    if name not in valid:
        raise errors.InputError(
            f"Unknown {what} {name!r} in the config. Valid: {', '.join(valid)}."
        )


def _check_types_and_choices(section_name: str, section: Any) -> None:
    hints = typing.get_type_hints(type(section))
    for field in dataclasses.fields(section):
        name = f"{section_name}.{field.name}"
        value = getattr(section, field.name)
        if hasattr(value, "item"):  # a number of NumPy
            value = value.item()
            setattr(section, field.name, value)
        kinds = typing.get_args(hints[field.name]) or (hints[field.name],)
        if float in kinds and type(value) is int:
            setattr(section, field.name, float(value))
        elif type(value) not in kinds:
            expected = " or ".join(kind.__name__ for kind in kinds)
            raise errors.InputError(
                f"{name} is {value!r}, expected a value of type {expected}."
            )
        elif type(value) is float and not math.isfinite(value):
            raise errors.InputError(
                f"{name} is {value!r}, expected a finite number."
            )
        choices = field.metadata.get("choices")
        if choices and value not in choices:
            raise errors.InputError(
                f"{name} is {value!r}. Choose one of "
                f"{', '.join(map(str, choices))}."
            )


_POSITIVE = (
    "data.max_length data.max_length_ratio data.batch_tokens "
    "data.num_buckets data.numbers_train data.numbers_valid "
    "data.numbers_test data.numbers_maximum tokenizer.vocabulary_size "
    "model.num_layers model.hidden_dim model.num_heads "
    "model.intermediate_dim model.residual_lambda decoder.num_layers "
    "decoder.residual_lambda model.attention_gain "
    "training.learning_rate training.epsilon training.log_every "
    "training.evaluate_every training.save_every training.keep_last "
    "training.accumulation_steps "
    "decoding.beam_size decoding.max_length_offset decoding.batch_sentences"
).split()
_NOT_NEGATIVE = (
    "training.seed training.max_steps training.max_tokens "
    "training.evaluate_every_tokens training.warmup_steps "
    "training.weight_decay "
    "training.clip_norm training.per_use_clip_norm "
    "training.max_gradient_norm training.diagnose_every "
    "training.patience training.keep_best "
    "decoding.alpha decoding.coverage_penalty decoding.max_length_factor"
).split()
_FRACTIONS = (
    "model.dropout model.attention_dropout model.activation_dropout "
    "training.label_smoothing training.ema_decay training.beta_1 "
    "training.beta_2 training.momentum"
).split()


def check_decoding(decoding: Any) -> None:
    """Checks a `DecodingConfig` by itself, as `check` does.

    Raises:
        InputError: naming the field, what came and what would be valid.
    """
    _check_types_and_choices("decoding", decoding)
    _check_ranges("decoding", decoding)


def _check_numbers(config: Any) -> None:
    for name, section in vars(config).items():
        _check_ranges(name, section)
    if config.data.batch_tokens < config.data.max_length:
        raise errors.InputError(
            f"data.batch_tokens is {config.data.batch_tokens}, less than one "
            f"sentence of data.max_length={config.data.max_length}: raise the "
            "one or lower the other."
        )


def _check_ranges(section_name: str, section: Any) -> None:
    for names, valid, expected in (
        (_POSITIVE, lambda value: value > 0, "above 0"),
        (_NOT_NEGATIVE, lambda value: value >= 0, "0 or above"),
        (_FRACTIONS, lambda value: 0 <= value < 1, "from 0 to below 1"),
        (
            ["tokenizer.character_coverage"],  # SentencePiece's own range
            lambda value: 0.98 <= value <= 1,
            "from 0.98 to 1",
        ),
        (
            ["tokenizer.vocabulary_size"],
            lambda value: 4 < value < 2**31,
            "from 5, four special symbols and a piece, to below 2^31",
        ),
        (["training.seed"], lambda value: value < 2**32, "below 2^32"),
    ):
        for name in names:
            own_section, field = name.split(".")
            value = getattr(section, field, None)
            if own_section != section_name or value is None:
                continue
            if not valid(value):
                raise errors.InputError(
                    f"{name} is {value!r}, expected {expected}."
                )


def _check_model(model: Any) -> None:
    if model.hidden_dim % model.num_heads:
        divisors = [
            str(heads)
            for heads in range(1, min(model.hidden_dim, 64) + 1)
            if model.hidden_dim % heads == 0
        ]
        raise errors.InputError(
            f"model.num_heads={model.num_heads} does not divide "
            f"model.hidden_dim={model.hidden_dim}. Heads that do: "
            f"{', '.join(divisors)}."
        )
    if model.hidden_dim % 2:
        raise errors.InputError(
            f"model.hidden_dim is {model.hidden_dim}, expected an even number:"
            " sine and cosine positions come in pairs."
        )


def _check_end(training: Any) -> None:
    if not training.max_steps and not training.max_tokens:
        raise errors.InputError(
            "training.max_steps and training.max_tokens are both 0, so that "
            "training would never end: set one of them."
        )


def check_read(config: Any) -> None:
    """Checks that something reads what is set, where a person sets it.

    What is derived from a config, or was trained before, is free of that.

    Raises:
        InputError: naming the setting, and what would read it.
    """
    _check_optimizer_reads(config.training)
    model = config.model
    stacks = sharing.stack_options(vars(model), vars(config.decoder))
    reads, decoder_reads = (
        options["residual_scale"] == SCALE_OF_LAMBDA for options in stacks
    )
    own = config.decoder.residual_lambda
    reads = reads or (decoder_reads and own is None)
    for name, value, read in (
        ("model", model.residual_lambda, reads),
        ("decoder", own, decoder_reads),
    ):
        if value not in (None, 1) and not read:
            raise errors.InputError(
                f"{name}.residual_lambda is {value}, but only the "
                f"residual_scale {SCALE_OF_LAMBDA!r} reads it: set that, or "
                "leave it out."
            )


_READERS = {
    "momentum": ("sgd",),
    "beta_1": ("adam", "adamw"),
    "beta_2": ("adam", "adamw"),
    "epsilon": ("adam", "adamw"),
}


def _check_optimizer_reads(training: Any) -> None:
    for name, readers in _READERS.items():
        value, plain = getattr(training, name), getattr(type(training), name)
        if value != plain and training.optimizer not in readers:
            raise errors.InputError(
                f"training.{name} is {value}, but training.optimizer="
                f"{training.optimizer!r} does not read it: set one of "
                f"{', '.join(readers)}, or leave it {plain}."
            )


def check_fall(training: Any) -> None:
    """Checks that a learning rate that has to fall begins to.

    Raises:
        InputError: if its warm-up takes all updates.
    """
    falls = training.schedule in ENDING_SCHEDULES
    if falls and 0 < training.max_steps <= training.warmup_steps:
        raise errors.InputError(
            f"training.warmup_steps is {training.warmup_steps} of "
            f"{training.max_steps} updates, so that the schedule "
            f"{training.schedule!r} would never fall: shorten the one or "
            "lengthen the other."
        )


def _check_rules(training: Any) -> None:
    rules = (training.gradient_rule, training.embedding_gradient_rule)
    if "clip" in rules and not training.per_use_clip_norm:
        raise errors.InputError(
            "training.per_use_clip_norm is 0, but the gradient rule 'clip' "
            "needs it above 0."
        )
    if training.per_use_clip_norm and "clip" not in rules:
        raise errors.InputError(
            f"training.per_use_clip_norm is {training.per_use_clip_norm}, but "
            "only the gradient rule 'clip' reads it: set "
            "training.gradient_rule=clip, or leave it 0."
        )


def _check_stacks(config: Any) -> None:
    model = config.model
    encoder, decoder = sharing.stack_options(vars(model), vars(config.decoder))
    for name, options in (("model", encoder), ("decoder", decoder)):
        scale, norm = options["residual_scale"], options["normalization"]
        if scale == "deepnorm" and norm != "post":
            raise errors.InputError(
                f"{name}.residual_scale='deepnorm' is defined for post-norm "
                f"layers: set {name}.normalization to 'post'."
            )
    lender = sharing.make_plan(encoder, sharing.ENCODER_KINDS)
    borrower = sharing.make_plan(decoder, sharing.DECODER_KINDS)
    lent = sharing.parse_kinds(
        model.shared_with_decoder, sharing.LENDABLE_KINDS
    )
    for kind in lent:
        has, needs = lender.num_objects(kind), borrower.num_objects(kind)
        if has < needs:
            raise errors.InputError(
                f"model.shared_with_decoder={model.shared_with_decoder!r}: "
                f"the decoder needs {needs} sublayers of kind {kind}, but the "
                f"encoder has {has}: give both as many blocks."
            )
    sharing.check_lent(lent, encoder, decoder)
