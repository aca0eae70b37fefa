"""The composition root of everything after training: a run, loaded."""

import dataclasses
from typing import Any

import numpy as np
from absl import logging

from shared_transformer_tf.config import Config, DecodingConfig, TrainingConfig
from shared_transformer_tf.data import corpus
from shared_transformer_tf.data.tokenizer import Tokenizer
from shared_transformer_tf.decoding.translator import Translator
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.models import complexity
from shared_transformer_tf.models.transformer import SharedTransformer
from shared_transformer_tf.run_directory import RunDirectory
from shared_transformer_tf.training import checkpoints, weights


@dataclasses.dataclass(frozen=True)
class Run:
    """A trained run, ready to translate.

    Attributes:
        config: that it was trained with.
        model: in float32, with the weights of `checkpoint_name`.
        tokenizer: of the run.
        checkpoint_name: a checkpoint, or which ones were averaged.
    """

    config: Config
    model: SharedTransformer
    tokenizer: Tokenizer
    checkpoint_name: str

    def translator(self, options: DecodingConfig | None = None) -> Translator:
        """Returns a translator with the run's search options or others."""
        return Translator(
            self.model,
            self.tokenizer,
            options or self.config.decoding,
            self.config.data.max_length,
        )

    def describe_complexity(self, length: int = 15) -> str:
        """Returns weights and FLOPs in words, for sentences of a length."""
        return complexity.complexity(self.model, length, length).describe()

    def sample_pairs(self, number: int) -> tuple[list[str], list[str]]:
        """Returns lines of the dev set and their translations.

        Args:
            number: at most.

        Raises:
            InputError: if its files are gone.
        """
        text = corpus.load_split(
            self.config.data, "valid", self.config.training.seed
        )
        return text.source[:number], text.target[:number]


def build_model(config: Config, tokenizer: Tokenizer) -> SharedTransformer:
    """Returns the untrained model of a config."""
    return SharedTransformer(
        tokenizer.source_vocabulary_size,
        target_vocabulary_size=tokenizer.target_vocabulary_size,
        seed=config.training.seed,
        dtype=config.training.precision,
        name="shared_transformer",
        decoder={
            name: value
            for name, value in vars(config.decoder).items()
            if value is not None
        },
        **vars(config.model),
    )


def load_run(workdir: str, checkpoint: str = "") -> Run:
    """Loads a run for inference, in float32.

    Args:
        workdir: the run directory.
        checkpoint: the name of one of its checkpoints, or `average`, `best`
            or `last`. Unset takes the average of the best by dev score, else
            the last.

    Raises:
        InputError: if there is no run, no such checkpoint, or it is damaged.
    """
    run = RunDirectory(workdir)
    config = run.read_config()
    tokenizer = Tokenizer.load(run.tokenizer)
    found = checkpoints.list_checkpoints(run.checkpoints)
    chosen = _choose(found, checkpoint, config.training, workdir)
    config_for_inference: Any = dataclasses.replace(
        config,
        training=dataclasses.replace(config.training, precision="float32"),
    )
    model = build_model(config_for_inference, tokenizer)
    average = checkpoints.average_weights(chosen)
    names = " + ".join(one.name for one in chosen)
    _check_finite(average, names, workdir)
    weights.assign_weights(model, average, run.checkpoints)
    logging.info("Weights of %s", names)
    return Run(config, model, tokenizer, names)


def _check_finite(
    values: dict[str, np.ndarray], names: str, workdir: str
) -> None:
    broken = [
        name for name, value in values.items() if not np.isfinite(value).all()
    ]
    if broken:
        raise InputError(
            f"The weights of {names} in {workdir} are not finite (first: "
            f"{broken[0]}): the training diverged. Name an earlier "
            "--checkpoint, or train again with a lower learning rate."
        )


def _choose(found, name: str, settings: TrainingConfig, workdir: str) -> list:
    if not found:
        raise InputError(
            f"The run in {workdir} has no checkpoint yet: train it with "
            f"--workdir={workdir}."
        )
    best = checkpoints.best_checkpoints(
        found, max(settings.keep_best, 1), settings.best_by
    )
    named = {one.name: [one] for one in found} | {"last": found[-1:]}
    if best:
        named |= {"average": best, "best": best[:1]}
    name = name or ("average" if best else "last")
    if name not in named:
        raise InputError(
            f"--checkpoint={name} is not in {workdir}. Valid: "
            f"{', '.join(named)}."
        )
    return named[name]
