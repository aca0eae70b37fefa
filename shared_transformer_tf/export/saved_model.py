"""A trained model as a SavedModel: text in, text out."""

import datetime
import json
import os
import pathlib
from collections.abc import Sequence
from importlib import metadata

import keras
from absl import logging

from shared_transformer_tf import config
from shared_transformer_tf.export import (
    parity_gate,
    signatures,
    text_graph,
    versions,
)


def export_saved_model(
    model,
    tokenizer,
    output: str | os.PathLike,
    options: config.DecodingConfig | None = None,
    max_length: int = 128,
    samples: Sequence[str] = (),
) -> str:
    """Writes the next version of a model into `output`.

    Its signature `serving_default` takes `text`, (batch,) strings, and
    returns `translation`, (batch,) strings: "" for blank text; input beyond
    `max_length` tokens is cut. Tokenization and search are in the graph and
    each weight is stored once. Before the version appears under its number
    it is loaded by TensorFlow's C++ loader, as servers do, in a process
    without this package, and must translate like `model` in Python.

    Args:
        model: a built `SharedTransformer`. The export computes as it does:
            give one of dtype float32.
        tokenizer: its `Tokenizer`.
        output: a folder of numbered versions; made if missing.
        options: the search; `None`: the defaults of `DecodingConfig`.
        max_length: tokens of a sentence, end symbol included.
        samples: lines to check besides those that are always checked.

    Returns:
        The version's folder, `<output>/<next number>`.

    Raises:
        InputError: if `output` holds anything but numbered versions.
        ParityError: if the written model differs from the one in memory;
            nothing is left of it.
    """
    options = options or config.DecodingConfig()
    with versions.next_version(output) as draft:
        _write(model, tokenizer, draft.path, options, max_length)
        logging.info("Checking the export against the model.")
        parity_gate.check(
            draft.path, model, tokenizer, options, max_length, samples
        )
    return draft.version


def _write(model, tokenizer, path, options, max_length) -> None:
    text = text_graph.TextGraph(tokenizer, max_length)
    endpoints = signatures.Signatures(model, text, options, max_length)
    archive = keras.export.ExportArchive()
    # Tracking the model too would store every weight twice.
    archive.track(text)
    for name, (function, inputs) in endpoints.endpoints().items():
        archive.add_endpoint(name, function, input_signature=inputs)
    archive.write_out(path, verbose=False)
    extra = pathlib.Path(path, "assets.extra")
    extra.mkdir()
    facts = {
        "created": datetime.datetime.now(datetime.UTC).isoformat(),
        "versions": {
            name: metadata.version(name)
            for name in ("tensorflow", "tensorflow-text", "keras")
        },
        "weights": parity_gate.float_bytes(model) // 4,
        "max_length": max_length,
        "decoding": vars(options),
    }
    (extra / "metadata.json").write_text(json.dumps(facts, indent=2) + "\n")
