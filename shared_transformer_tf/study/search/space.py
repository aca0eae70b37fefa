"""Which hyperparameters of convergence a search varies, and over what.

Architecture and complexity stay as the config has them. A field that does
not act in the config is left out, with the reason. No TensorFlow here.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

from shared_transformer_tf import errors, sharing
from shared_transformer_tf.config import (
    RESIDUAL_SCALES,
    UPDATE_SCALINGS,
    Config,
)
from shared_transformer_tf.validation import ENDING_SCHEDULES

_RATE = "training.learning_rate"
_WARMUP = "training.warmup_steps"
_BATCH = "data.batch_tokens"
LARGEST_BATCH = 2  # times the config's own
_BETA = "training.beta_2"
_EPSILON = "training.epsilon"
_DROPOUT = "model.dropout"
_SMOOTHING = "training.label_smoothing"
_CLIP = "training.clip_norm"
_RULE = "training.gradient_rule"
_UPDATES = "training.update_scaling"
_RESIDUAL = "model.residual_scale"
FIELDS = (
    _RATE,
    _WARMUP,
    _BATCH,
    _BETA,
    _EPSILON,
    _DROPOUT,
    _SMOOTHING,
    _CLIP,
    _RULE,
    _UPDATES,
    _RESIDUAL,
)
_ADAM = ("adam", "adamw")
_RULES = ("none", "aligned", "unit")
_LINEAR_RULES = ("uses", "sqrt_uses")


@dataclasses.dataclass(frozen=True)
class SearchField:
    """One field that is searched.

    Attributes:
        name: in the config, `section.field`.
        default: the config's own value, which the first trial has.
        choices: the values, in their order; empty for a range.
        low: of a range, which is searched on a logarithmic scale.
        high: of the range.
        whole: whether the range has whole numbers only.
    """

    name: str
    default: Any
    choices: tuple = ()
    low: float = 0.0
    high: float = 0.0
    whole: bool = False

    def value(self, drawn: Any) -> Any:
        """Returns what the config is given of a drawn value: few digits."""
        if self.choices:
            return drawn
        return int(drawn) if self.whole else float(f"{drawn:.4g}")

    def describe(self) -> str:
        """Returns the values in words."""
        if self.choices:
            return " ".join(map(str, self.choices))
        return f"{self.low:g} to {self.high:g}, logarithmic"


@dataclasses.dataclass(frozen=True)
class SearchSpace:
    """The searched fields, and why the others are not.

    Attributes:
        fields: that are searched.
        left_out: reason by name.
    """

    fields: tuple[SearchField, ...]
    left_out: dict[str, str]

    def describe(self) -> str:
        """Returns a line for each field."""
        width = max(map(len, FIELDS))
        lines = [
            f"searched   {field.name:{width}}  {field.describe()}; the "
            f"config has {field.default}"
            for field in self.fields
        ]
        lines += [
            f"left out   {name:{width}}  {reason}"
            for name, reason in self.left_out.items()
        ]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, str]:
        """Returns the searched values in words, by field."""
        return {field.name: field.describe() for field in self.fields}


def make_space(
    config: Config, only: Sequence[str] = (), budget_tokens: int = 0
) -> SearchSpace:
    """Returns the space of a config.

    Args:
        config: checked already.
        only: names of fields, with or without their section; empty: all.
        budget_tokens: of a trial. A learning rate that falls to its end has
            to begin to within them; 0: it may begin later.

    Raises:
        InputError: if a name is unknown, or names a field that does not act;
            or if the config's own learning rate may not fall in the budget.
    """
    asked = [_full_name(name) for name in only]
    silent = _silent(config)
    for name in asked:
        if name in silent:
            raise errors.InputError(
                f"--fields names {name}, which does not act in this config: "
                f"{silent[name]}. Leave it out."
            )
    unasked = {
        name: "not in --fields"
        for name in FIELDS
        if asked and name not in asked and name not in silent
    }
    names = [n for n in FIELDS if n not in silent and n not in unasked]
    fields = [_field(name, config, names) for name in names]
    if budget_tokens and config.training.schedule in ENDING_SCHEDULES:
        fields = _falling(fields, config, budget_tokens)
    return SearchSpace(tuple(fields), silent | unasked)


def get(config: Config, name: str) -> Any:
    """Returns the value of `section.field`."""
    section, field = name.split(".")
    return getattr(getattr(config, section), field)


def _full_name(name: str) -> str:
    matches = [n for n in FIELDS if name in (n, n.split(".")[1])]
    if not matches:
        raise errors.InputError(
            f"--fields names {name!r}, which is not searched. Valid: "
            f"{', '.join(FIELDS)}."
        )
    return matches[0]


def _silent(config: Config) -> dict[str, str]:
    """The fields that do not act in a config, with the reason."""
    training = config.training
    silent = {}
    if training.optimizer not in _ADAM:
        for name in (_BETA, _EPSILON):
            silent[name] = f"{training.optimizer} does not read it"
    if not _shares_layers(config):
        reason = "no layer is applied twice"
        silent |= dict.fromkeys((_RULE, _UPDATES, _RESIDUAL), reason)
        return silent
    if training.gradient_rule == "clip":
        silent[_RULE] = "'clip' has a norm of its own, which others refuse"
    decoder = config.decoder
    if {config.model.residual_lambda, decoder.residual_lambda} - {None, 1.0}:
        silent[_RESIDUAL] = "residual_lambda is set, which others do not read"
    if decoder.residual_scale is not None:
        silent[_RESIDUAL] = "decoder.residual_scale is set apart"
    return silent


def _shares_layers(config: Config) -> bool:
    encoder, decoder = sharing.stack_options(
        vars(config.model), vars(config.decoder)
    )
    plans = (
        sharing.make_plan(encoder, sharing.ENCODER_KINDS),
        sharing.make_plan(decoder, sharing.DECODER_KINDS),
    )
    lent = sharing.parse_kinds(
        config.model.shared_with_decoder, sharing.LENDABLE_KINDS
    )
    return bool(lent) or any(
        max(plan.uses(kind)) > 1 for plan in plans for kind in plan.kinds
    )


def _falling(
    fields: Sequence[SearchField], config: Config, budget_tokens: int
) -> list[SearchField]:
    """Returns the fields with warm-ups that no trial's budget ends within."""
    batches = [f.choices for f in fields if f.name == _BATCH]
    largest = max(batches[0]) if batches else config.data.batch_tokens
    # an update has at most as many target tokens as its batch
    longest = budget_tokens // largest - 1
    own = config.training.warmup_steps
    if own > longest:
        raise errors.InputError(
            f"--budget_tokens={budget_tokens} may be {longest + 1} updates of "
            f"{largest} tokens, and training.warmup_steps is {own}: the "
            f"schedule {config.training.schedule!r} would never fall. Give "
            f"more, or a warm-up of at most {longest}."
        )
    return [
        dataclasses.replace(field, high=min(field.high, longest))
        if field.name == _WARMUP
        else field
        for field in fields
    ]


def _field(name: str, config: Config, searched: Sequence[str]) -> SearchField:
    own = get(config, name)
    if name == _RATE:  # two decades around the config's
        return SearchField(name, own, low=own / 10, high=own * 10)
    if name == _EPSILON:
        low, high = min(1e-9, own), max(1e-5, own)
        return SearchField(name, own, low=low, high=high)
    if name == _WARMUP:
        own = max(own, 1)  # 0 and 1 both start at the top
        high = own * 4 if own > 1 else 4000
        return SearchField(
            name, own, low=max(1, own // 10), high=high, whole=True
        )
    choices = _choices(name, config, searched)
    return SearchField(name, own, choices=choices)


def _choices(name: str, config: Config, searched: Sequence[str]) -> tuple:
    own = get(config, name)
    if name == _BATCH:
        sizes = (own // 4, own // 2, own, own * LARGEST_BATCH)
        return tuple(n for n in sizes if n >= config.data.max_length)
    if name == _RULE:
        rules = _RULES + (_LINEAR_RULES if _factors_act(config) else ())
        return rules if own in rules else (*rules, own)
    if name == _UPDATES:
        return UPDATE_SCALINGS
    if name == _RESIDUAL:
        post = _is_post_norm(config)
        return tuple(s for s in RESIDUAL_SCALES if post or s != "deepnorm")
    if name == _CLIP:
        norms = {0.25, 0.5, 1.0, 2.0, 5.0, 10.0, own} - {0.0}
        return tuple(sorted(norms)) + ((0.0,) if _off(config, searched) else ())
    values = {
        _BETA: (0.9, 0.95, 0.98, 0.99, 0.995, 0.999),
        _DROPOUT: (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4),
        _SMOOTHING: (0.0, 0.05, 0.1, 0.15, 0.2),
    }[name]
    return tuple(sorted({*values, own}))


def _factors_act(config: Config) -> bool:
    """Whether a constant factor of a gradient acts.

    Adam and Adafactor divide it out again; a clip of the global norm sees it.
    """
    training = config.training
    return training.optimizer == "sgd" or training.clip_norm > 0


def _off(config: Config, searched: Sequence[str]) -> bool:
    """Whether trials may do without the clip.

    Not where only the clip keeps some rules from being an identity.
    """
    if _RULE not in searched or config.training.optimizer == "sgd":
        return True
    return not _factors_act(config)


def _is_post_norm(config: Config) -> bool:
    norms = (config.model.normalization, config.decoder.normalization)
    return norms in (("post", None), ("post", "post"))
