"""A trained model as a folder that CTranslate2 loads."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import logging

from shared_transformer_tf import config, errors, validation
from shared_transformer_tf.decoding import translator
from shared_transformer_tf.export import (
    ctranslate2_gate,
    ctranslate2_readme,
    ctranslate2_spec,
    ctranslate2_translator,
    made_with,
    parity_gate,
    versions,
)

_SEARCH = (
    "beam_size",
    "alpha",
    "max_length_factor",
    "max_length_offset",
    "batch_sentences",
)
_WIDTHS = {"float32": 4, "float16": 2, "int8": 1}
_NAMES_OF_A_LAYER = 4096


@dataclasses.dataclass(frozen=True)
class Settings:
    """How to export to CTranslate2.

    Attributes:
        decoding: the search. Of the length penalties CTranslate2 knows
            `power` alone; `gnmt` becomes it, with the same alpha, and the
            log says so.
        max_length: tokens of a sentence, end symbol included.
        quantization: type of the stored weights, one of
            `ctranslate2_gate.BOUNDS`.
        sources: lines to check, besides those that are always checked.
        references: their translations, for BLEU; may be missing.
        licence: of the model, for the metadata.
    """

    decoding: config.DecodingConfig = dataclasses.field(
        default_factory=config.DecodingConfig
    )
    max_length: int = 128
    quantization: str = "float32"
    sources: Sequence[str] = ()
    references: Sequence[str] = ()
    licence: str = "not stated"


def export_ctranslate2(
    model,
    tokenizer,
    output: str | os.PathLike,
    settings: Settings | None = None,
) -> str:
    """Writes the next version of a model into `output`, for CTranslate2.

    The folder holds `model.bin`, in which weights that layers share are
    stored once, the vocabulary, the SentencePiece models, and in
    `metadata.json` and `README.md` how to call it and what the check found.
    Before the version appears under its number, CTranslate2 loads it and
    translates; see `ctranslate2_gate.check`.

    Args:
        model: a built `SharedTransformer`, computing in float32.
        tokenizer: its `Tokenizer`.
        output: a folder of numbered versions; made if missing.
        settings: `None`: their defaults.

    Returns:
        The version's folder, `<output>/<next number>`.

    Raises:
        InputError: if CTranslate2 cannot compute such a model or search, or
            `output` holds anything but numbered versions.
        ParityError: if the written model differs too much from the one in
            memory; nothing is left of it.
    """
    settings = settings or Settings()
    validation.check_decoding(settings.decoding)
    decoding = _search(settings.decoding)
    ctranslate2_spec.check(model)
    with versions.next_version(output, "ctranslate2") as draft:
        os.mkdir(draft.path)
        facts = _facts(model, tokenizer, settings, decoding)
        _write(model, tokenizer, draft.path, settings)
        _write_facts(draft.path, facts)
        _check_size(draft.path, model, settings)
        logging.info("Checking the export against the model.")
        facts["check"] = ctranslate2_gate.check(
            ctranslate2_translator.CTranslate2Translator(draft.path),
            translator.Translator(
                model, tokenizer, decoding, settings.max_length
            ),
            settings.quantization,
            settings.sources,
            settings.references,
        )
        logging.info("Found %s", json.dumps(facts["check"]))
        _write_facts(draft.path, facts)
    return draft.version


def _search(decoding: config.DecodingConfig) -> config.DecodingConfig:
    if decoding.coverage_penalty:
        raise errors.InputError(
            f"coverage_penalty is {decoding.coverage_penalty}, but the search "
            "of a CTranslate2 export has none as ours: set it to 0, or export "
            "with --format=saved_model."
        )
    if decoding.length_penalty == "gnmt" and decoding.alpha:
        logging.info(
            "CTranslate2 has no GNMT length penalty: the export divides by "
            "length ** %g (--length_penalty=power) instead.",
            decoding.alpha,
        )
    return dataclasses.replace(decoding, length_penalty="power")


def _write(model, tokenizer, path: str, settings: Settings) -> None:
    spec = ctranslate2_spec.make_spec(model, tokenizer, settings.max_length)
    spec.validate()
    kept = settings.quantization
    spec.optimize(quantization=None if kept == "float32" else kept)
    spec.save(path)
    tokenizer.save(path)
    pathlib.Path(path, "README.md").write_text(ctranslate2_readme.TEXT)


def _facts(
    model, tokenizer, settings: Settings, decoding: config.DecodingConfig
) -> dict[str, Any]:
    names = ("joint", "joint") if tokenizer.joint else ("source", "target")
    return {
        **made_with.facts("ctranslate2", "sentencepiece", "keras"),
        "weights": parity_gate.float_bytes(model) // 4,
        "licence": settings.licence,
        "quantization": settings.quantization,
        "source_tokenizer": f"{names[0]}.model",
        "target_tokenizer": f"{names[1]}.model",
        "max_length": settings.max_length,
        "decoding": {name: getattr(decoding, name) for name in _SEARCH}
        | {"patience": ctranslate2_translator.PATIENCE}
        | {
            "length_penalty": decoding.length_penalty,
            "length_penalty_of_the_run": settings.decoding.length_penalty,
        },
    }


def _write_facts(path: str, facts: dict[str, Any]) -> None:
    text = json.dumps(facts, indent=2) + "\n"
    pathlib.Path(path, ctranslate2_translator.METADATA).write_text(text)


def _check_size(path: str, model, settings: Settings) -> None:
    """A weight stored twice, as shared ones could be, is noticed here."""
    width = _WIDTHS[settings.quantization]
    allowed = 4 * settings.max_length * model.hidden_dim  # of the positions
    for weight in model.trainable_weights:
        size, shape = int(np.prod(weight.shape)), weight.shape
        if len(shape) == 1:  # biases and layer norms are not rounded to int
            allowed += 4 * size
        else:
            allowed += width * size + 4 * max(shape)  # a factor for each row
    depth = model.encoder.num_layers + model.decoder.num_layers
    allowed += _NAMES_OF_A_LAYER * (depth + 1)
    size = os.path.getsize(os.path.join(path, "model.bin"))
    if size > allowed:
        raise parity_gate.ParityError(
            f"The export stores {size} bytes, but the model's unique weights "
            f"need {allowed} at most."
        )
