"""A trained model and its search as an ONNX graph over token ids."""

import contextlib
import json
import logging as python_logging
import math
import os
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from absl import logging
from onnx import numpy_helper

from shared_transformer_tf import config
from shared_transformer_tf.decoding import search, translator
from shared_transformer_tf.export import (
    check_lines,
    made_with,
    onnx_readme,
    onnx_translator,
    parity_gate,
    ties,
    versions,
)

OPSET = 17
_TIE = 1e-5  # translations whose scores are closer are equally good
_SCORE = 1e-4
_OTHER_CONSTANTS = 16 * 1024  # bytes: time scales of positions, sentinels
_LARGE = 256  # numbers of a matrix that is not to be stored twice


def export_onnx(
    model,
    tokenizer,
    output: str | os.PathLike,
    options: config.DecodingConfig | None = None,
    max_length: int = 128,
    samples: Sequence[str] = (),
    licence: str = "not stated",
) -> str:
    """Writes the next version of a model into `output`, for ONNX Runtime.

    `model.onnx` takes `source_ids`, int32 (batch, source), each row ending
    with the end symbol, 0 pads, and returns `ids`, int32 (batch, length), and
    `scores`, float32 (batch,). The whole search is in it. Text is the
    caller's, with the SentencePiece models beside it. Before the version
    appears under its number, ONNX Runtime must translate like `model`.

    Args:
        model: a built `SharedTransformer`, computing in float32.
        tokenizer: its `Tokenizer`.
        output: a folder of numbered versions; made if missing.
        options: the search; `None`: the defaults of `DecodingConfig`.
        max_length: tokens of a sentence, end symbol included.
        samples: lines to check besides those that are always checked.
        licence: of the model, for the metadata.

    Returns:
        The version's folder, `<output>/<next number>`.

    Raises:
        InputError: if `output` holds anything but numbered versions.
        ParityError: if the written model differs from the one in memory;
            nothing is left of it.
    """
    options = options or config.DecodingConfig()
    with versions.next_version(output, "onnx") as draft:
        os.mkdir(draft.path)
        in_memory = translator.Translator(model, tokenizer, options, max_length)
        _write(in_memory, draft.path, licence)
        logging.info("Checking the export against the model.")
        _check_size(draft.path, in_memory)
        lines = [*check_lines.ODD, *check_lines.made(tokenizer, max_length)]
        _check(
            onnx_translator.OnnxTranslator(draft.path),
            in_memory,
            [*lines, *samples],
        )
    return draft.version


def _write(in_memory: translator.Translator, path: str, licence: str) -> None:
    signature = [tf.TensorSpec([None, None], tf.int32, name="source_ids")]

    def translate(source_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        found = search.search(
            in_memory.model, source_ids, in_memory.options, in_memory.max_length
        )
        return {"ids": found.ids[:, 0], "scores": found.scores[:, 0]}

    with _quiet():
        tf2onnx.convert.from_function(
            tf.function(translate, signature, autograph=False),
            input_signature=signature,
            opset=OPSET,
            output_path=os.path.join(path, onnx_translator.MODEL),
        )
    _store_transposed_once(os.path.join(path, onnx_translator.MODEL))
    in_memory.tokenizer.save(path)
    pathlib.Path(path, "README.md").write_text(onnx_readme.TEXT)
    tokenizer = in_memory.tokenizer
    names = ("joint", "joint") if tokenizer.joint else ("source", "target")
    facts = {
        **made_with.facts("tensorflow", "tf2onnx", "onnx", "onnxruntime"),
        "licence": licence,
        "opset": OPSET,
        "weights": parity_gate.float_bytes(in_memory.model) // 4,
        "source_tokenizer": f"{names[0]}.model",
        "target_tokenizer": f"{names[1]}.model",
        "max_length": in_memory.max_length,
        "decoding": vars(in_memory.options),
    }
    text = json.dumps(facts, indent=2) + "\n"
    pathlib.Path(path, onnx_translator.METADATA).write_text(text)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps tf2onnx' notes on its progress to itself."""
    logger = python_logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(python_logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _store_transposed_once(path: str) -> None:
    """Replaces weights that are others transposed by an operation.

    The search transposes the embeddings for the output, and the conversion
    stores what comes out of that.
    """
    model = onnx.load(path)
    graph = model.graph
    kept: list[tuple[str, np.ndarray]] = []
    for tensor in list(graph.initializer):
        if len(tensor.dims) != 2 or math.prod(tensor.dims) < _LARGE:
            continue
        array = numpy_helper.to_array(tensor)
        for name, other in kept:
            if other.shape[::-1] == array.shape and (other.T == array).all():
                node = onnx.helper.make_node("Transpose", [name], [tensor.name])
                graph.node.insert(0, node)
                graph.initializer.remove(tensor)
                break
        else:
            kept.append((tensor.name, array))
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _check_size(path: str, in_memory: translator.Translator) -> None:
    """A weight stored twice, as shared ones could be, is noticed here."""
    model = in_memory.model
    weights = parity_gate.float_bytes(model)
    positions = 4 * in_memory.max_length * model.hidden_dim  # the target's
    graph = onnx.load(os.path.join(path, onnx_translator.MODEL)).graph
    stored = sum(
        4 * math.prod(tensor.dims)
        for tensor in _constants(graph)
        if tensor.data_type == onnx.TensorProto.FLOAT
    )
    if stored > weights + positions + _OTHER_CONSTANTS:
        raise parity_gate.ParityError(
            f"The export stores {stored} bytes of float constants, but the "
            f"model's unique weights take {weights}."
        )


def _constants(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            if attribute.HasField("g"):
                yield from _constants(attribute.g)


def _check(export, in_memory, lines: Sequence[str]) -> None:
    with tf.device("CPU:0"):
        expected = [best for (best,) in in_memory.translate_with_scores(lines)]
        found = export.translate_with_scores(lines)
        good = ties.equal_or_tied(in_memory, lines, expected, found, _TIE)
    for line, (text, score), (came, came_score), one in zip(
        lines, expected, found, good, strict=True
    ):
        difference = abs(score - came_score)
        if not one:
            raise parity_gate.ParityError(
                f"The export translates {line!r:.200} to {came!r:.200}, but "
                f"the model in memory to {text!r:.200}."
            )
        # so that a score that is not a number fails, too
        if not difference <= _SCORE:
            raise parity_gate.ParityError(
                f"The export gives the translation of {line!r:.200} the score "
                f"{came_score:.6f}, but the model in memory {score:.6f}."
            )
