"""A trained model as a SavedModel: text in, text out."""

import json
import os
import pathlib
from collections.abc import Sequence

import keras
from absl import logging

from shared_transformer_tf import config
from shared_transformer_tf.export import (
    made_with,
    model_card,
    parity_gate,
    signatures,
    text_graph,
    versions,
    warm_up,
)

# What TensorFlow Serving takes with --enable_per_model_batching_parameters.
_BATCHING = """\
max_batch_size { value: 64 }
batch_timeout_micros { value: 5000 }
max_enqueued_batches { value: 100 }
num_batch_threads { value: 2 }
"""


def export_saved_model(
    model,
    tokenizer,
    output: str | os.PathLike,
    options: config.DecodingConfig | None = None,
    max_length: int = 128,
    samples: Sequence[str] = (),
    origin: model_card.Origin | None = None,
) -> str:
    """Writes the next version of a model into `output`.

    Its signatures are those of `Signatures`: `serving_default`, text to
    translation; `nbest`; `options`. Tokenization and search are in the graph
    and each weight is stored once. Beside the graph there are what servers
    of TensorFlow Serving's kind look for, requests to warm up with and
    `batching_params.pbtxt`, and a model card. Before the version appears
    under its number it is loaded by TensorFlow's C++ loader, as servers do,
    in a process without this package, and must translate like `model` in
    Python.

    Args:
        model: a built `SharedTransformer`. The export computes as it does:
            give one of dtype float32.
        tokenizer: its `Tokenizer`.
        output: a folder of numbered versions; made if missing.
        options: the search; `None`: the defaults of `DecodingConfig`.
        max_length: tokens of a sentence, end symbol included.
        samples: lines to check besides those that are always checked.
        origin: for the model card.

    Returns:
        The version's folder, `<output>/<next number>`.

    Raises:
        InputError: if `output` holds anything but numbered versions.
        ParityError: if the written model differs from the one in memory;
            nothing is left of it.
    """
    options = options or config.DecodingConfig()
    with versions.next_version(output, "saved_model") as draft:
        _write(model, tokenizer, draft.path, options, max_length)
        logging.info("Checking the export against the model.")
        translated = parity_gate.check(
            draft.path, model, tokenizer, options, max_length, samples
        )
        _describe(
            draft.path,
            origin or model_card.Origin(),
            model,
            options,
            max_length,
            translated,
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
    warm_up.write(path)
    pathlib.Path(path, "batching_params.pbtxt").write_text(_BATCHING)


def _describe(path, origin, model, options, max_length, translated) -> None:
    facts = {
        **made_with.facts("tensorflow", "tensorflow-text", "keras"),
        "weights": parity_gate.float_bytes(model) // 4,
        "max_length": max_length,
        "most_beams": signatures.most_beams(options),
        "decoding": vars(options),
        "checked_lines": len(translated),
        "scores": model_card.score(translated, origin.references),
        "origin": {
            name: value
            for name, value in vars(origin).items()
            if name != "references"
        },
    }
    pathlib.Path(path, "assets.extra", "metadata.json").write_text(
        json.dumps(facts, indent=2) + "\n", encoding="utf-8"
    )
    pathlib.Path(path, "MODEL_CARD.md").write_text(
        model_card.write(origin, facts), encoding="utf-8"
    )
