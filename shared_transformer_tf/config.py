"""Every setting of an experiment with its default, in nested dataclasses.

No TensorFlow here: a config is made, checked, overridden and printed before
anything slow starts. `to_json` and `from_json` round-trip.
"""

import dataclasses
import json
from typing import Any

from shared_transformer_tf import errors, validation

PAD_ID = 0
UNKNOWN_ID = 1
START_ID = 2
END_ID = 3

ACTIVATIONS = ("relu", "gelu", "silu")
NORMALIZATIONS = ("pre", "post")
GRADIENT_RULES = ("none", "uses", "sqrt_uses", "aligned", "unit", "clip")
UPDATE_SCALINGS = ("none", "sqrt_uses", "uses")
RESIDUAL_SCALES = tuple(
    "none inverse_uses inverse_uses_sqrt_blocks deepnorm".split()
)


def _choice(default: str | None, *choices: str) -> Any:
    """A field whose value is one of some words."""
    return dataclasses.field(
        default=default, metadata={"choices": (default, *choices)}
    )


@dataclasses.dataclass
class DataConfig:
    """Which parallel text, and how it is cut into batches.

    File names are `directory/SPLIT.LANGUAGE[.gz]` unless a file is named
    for a split and side.

    Attributes:
        corpus: `numbers` is made by seed and needs no files; `text` is read.
        max_length: tokens of one sentence, end symbol included. Longer pairs
            are dropped in training, longer input is cut in translation.
        max_length_ratio: pairs whose longer side has more than this many
            times the tokens of the shorter one (each plus 5) are dropped.
        batch_tokens: of an update: rows x padded length of the longer side.
        num_buckets: fixed batch shapes, chosen from the lengths of the text.
    """

    corpus: str = _choice("numbers", "text")
    directory: str = ""
    source_language: str = "en"
    target_language: str = "de"
    train_split: str = "train"
    valid_split: str = "val"
    test_split: str = "test"
    train_source: str = ""
    train_target: str = ""
    valid_source: str = ""
    valid_target: str = ""
    test_source: str = ""
    test_target: str = ""
    max_length: int = 128
    max_length_ratio: float = 3.0
    batch_tokens: int = 4096
    num_buckets: int = 8
    numbers_train: int = 20000
    numbers_valid: int = 500
    numbers_test: int = 500
    numbers_maximum: int = 999_999


@dataclasses.dataclass
class TokenizerConfig:
    """SentencePiece, trained on the training text when a run has none.

    Attributes:
        joint: one vocabulary for both languages.
        vocabulary_size: pieces per model, the four special ones included.
        source_model: SentencePiece model; of both, where `joint`.
    """

    model_type: str = _choice("unigram", "bpe")
    joint: bool = True
    vocabulary_size: int = 8000
    character_coverage: float = 1.0
    split_digits: bool = False
    source_model: str = ""
    target_model: str = ""


@dataclasses.dataclass
class ModelConfig:
    """Shape of the model and what is shared; see `SharedTransformer`.

    Attributes:
        num_layers: depth of each stack; `DecoderConfig` says where the
            decoder differs in this and options up to `depth_embedding`.
        num_blocks: unique blocks of a stack; `None`: what `sharing` implies.
        sharing: a strategy or a schedule such as `"0 0 1 1"`.
        shared_sublayers: `all`, `none`, or kinds such as
            `"self_attention, feed_forward"`.
        shared_with_decoder: kinds that the decoder takes from the encoder.
        tied_embeddings: `all` is one matrix for source, target and output,
            `decoder` one for target and output, `none` three matrices.
        recompute: activations, for the backward pass, to save memory.
    """

    num_layers: int = 4
    num_blocks: int | None = None
    sharing: str = "none"
    shared_sublayers: str = "all"
    unshared_first: int = 0
    unshared_last: int = 0
    activation: str = _choice(*ACTIVATIONS)
    normalization: str = _choice(*NORMALIZATIONS)
    residual_scale: str = _choice(*RESIDUAL_SCALES)
    residual_lambda: float = 1.0
    depth_embedding: bool = False
    shared_with_decoder: str = "none"
    tied_embeddings: str = _choice("all", "decoder", "none")
    hidden_dim: int = 128
    num_heads: int = 4
    intermediate_dim: int = 256
    dropout: float = 0.1
    attention_dropout: float = 0.0
    activation_dropout: float = 0.0
    attention_gain: float = 1.0
    recompute: bool = False


@dataclasses.dataclass
class DecoderConfig:
    """Where the decoder's stack differs from `ModelConfig`; `None`: not.

    Attributes:
        num_blocks: `None` takes over the encoder's number where depth and
            strategy are the encoder's, else `sharing` implies it.
    """

    num_layers: int | None = None
    num_blocks: int | None = None
    sharing: str | None = None
    shared_sublayers: str | None = None
    unshared_first: int | None = None
    unshared_last: int | None = None
    activation: str | None = _choice(None, *ACTIVATIONS)
    normalization: str | None = _choice(None, *NORMALIZATIONS)
    residual_scale: str | None = _choice(None, *RESIDUAL_SCALES)
    residual_lambda: float | None = None
    depth_embedding: bool | None = None


@dataclasses.dataclass
class TrainingConfig:
    """The updates, and what is watched and kept.

    Attributes:
        max_steps: updates in all; 0: `max_tokens` alone says when it ends.
        max_tokens: target tokens, at which training ends too; 0: no such end.
        learning_rate: the highest, reached after `warmup_steps`.
        clip_norm: bound on the global gradient norm; 0 does not clip.
        gradient_rule: how the gradients of a weight's uses make one.
        embedding_gradient_rule: of the embeddings; `None`: as the others.
        per_use_clip_norm: bound on each use's gradient, by the rule `clip`.
        update_scaling: what divides the learning rate of a weight.
        accumulation_steps: slices that a batch is taken in to save memory.
        max_gradient_norm: one above it is not applied; 0 does not look.
        on_bad_gradient: what follows a gradient that is not applied.
        xla: whether XLA compiles forward and backward pass.
        ema_decay: of the weights' moving average, then evaluated; 0: none.
        diagnose_every: updates between looks at each use's gradients; 0: none.
        evaluate_every: updates between evaluations on the dev set.
        evaluate_every_tokens: target tokens between them instead; 0: updates.
        best_by: the dev score that says which weights are better.
        patience: evaluations without better ones until the end; 0: no end.
        save_every: updates between checkpoints for going on.
        keep_best: checkpoints kept by `best_by`, whose average is used.
        keep_last: newest checkpoints kept for going on.
    """

    seed: int = 1
    max_steps: int = 3000
    max_tokens: int = 0
    optimizer: str = _choice("adam", "adamw", "sgd", "adafactor")
    learning_rate: float = 3e-3
    schedule: str = _choice("inverse_sqrt", "constant", "linear", "cosine")
    warmup_steps: int = 1000
    beta_1: float = 0.9
    beta_2: float = 0.98
    epsilon: float = 1e-9
    momentum: float = 0.9
    weight_decay: float = 0.0
    clip_norm: float = 5.0
    gradient_rule: str = _choice(*GRADIENT_RULES)
    embedding_gradient_rule: str | None = _choice(None, *GRADIENT_RULES)
    per_use_clip_norm: float = 0.0
    update_scaling: str = _choice(*UPDATE_SCALINGS)
    accumulation_steps: int = 1
    max_gradient_norm: float = 0.0
    on_bad_gradient: str = _choice("stop", "skip")
    label_smoothing: float = 0.1
    precision: str = _choice("float32", "mixed_bfloat16", "mixed_float16")
    xla: bool = False
    deterministic: bool = True
    ema_decay: float = 0.0
    log_every: int = 50
    diagnose_every: int = 0
    evaluate_every: int = 500
    evaluate_every_tokens: int = 0
    best_by: str = _choice("bleu", "chrf", "loss")
    patience: int = 0
    save_every: int = 250
    keep_best: int = 5
    keep_last: int = 2


@dataclasses.dataclass
class DecodingConfig:
    """The search, in training, `evaluate`, `translate` and exports.

    Attributes:
        length_penalty: `gnmt` divides a hypothesis' log-probability by
            ((5 + length) / 6) ** alpha, `power` by length ** alpha.
        alpha: 0 does not normalise by length.
        coverage_penalty: beta of the GNMT coverage penalty; 0 is off.
        max_length_factor: a row stops at factor * source tokens + offset.
        batch_sentences: sentences translated at once.
    """

    beam_size: int = 5
    length_penalty: str = _choice("gnmt", "power")
    alpha: float = 1.0
    coverage_penalty: float = 0.0
    max_length_factor: float = 1.5
    max_length_offset: int = 10
    batch_sentences: int = 64


@dataclasses.dataclass
class Config:
    """One experiment."""

    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    tokenizer: TokenizerConfig = dataclasses.field(
        default_factory=TokenizerConfig
    )
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    decoder: DecoderConfig = dataclasses.field(default_factory=DecoderConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    decoding: DecodingConfig = dataclasses.field(default_factory=DecodingConfig)

    def validate(self) -> None:
        """Checks every value that can be checked without reading text.

        Raises:
            InputError: naming the field, what came and what would be valid.
        """
        validation.check(self)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Returns nested plain dictionaries."""
        return dataclasses.asdict(self)

    def to_json(self) -> str:
        """Returns indented JSON."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    @classmethod
    def from_dict(cls, values: dict[str, dict[str, Any]]) -> "Config":
        """Returns the config of `to_dict`; absent fields keep defaults.

        Raises:
            InputError: if a section or field is unknown.
        """
        config = cls()
        sections = vars(config)
        if not isinstance(values, dict):
            raise errors.InputError(
                f"A config is an object of sections, got {values!r:.40}."
            )
        for name, fields in values.items():
            validation.check_known("section", name, sections)
            if not isinstance(fields, dict):
                raise errors.InputError(
                    f"Section {name!r} of the config is an object of fields, "
                    f"got {fields!r:.40}."
                )
            for field, value in fields.items():
                validation.check_known(
                    f"field of {name}", field, vars(sections[name])
                )
                setattr(sections[name], field, value)
        return config

    @classmethod
    def from_json(cls, text: str) -> "Config":
        """Returns the config that `to_json` wrote."""
        return cls.from_dict(json.loads(text))
