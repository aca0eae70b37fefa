"""An exported model, back in Python."""

import json
import math
import os
import pathlib
from collections.abc import Callable, Sequence

import tensorflow as tf
import tensorflow_text  # noqa: F401  registers the SentencePiece operations
from absl import logging

from shared_transformer_tf import errors, extras
from shared_transformer_tf.decoding import sentences
from shared_transformer_tf.export import versions

_SIGNATURE = "serving_default"

Translate = Callable[[Sequence[str]], list[str]]


class LoadedExport:
    """Translates lists of strings with a SavedModel; sorts and batches.

    Attributes:
        path: the version's folder.

    Args:
        path: a version's folder, or the folder of versions, which stands for
            its newest.
        batch_sentences: lines translated at once.

    Raises:
        InputError: if there is no export that translates text.

    Example:
        LoadedExport("exports")(["A man rides a bike."])
    """

    def __init__(self, path: str | os.PathLike, batch_sentences: int = 64):
        self.path = versions.newest(path)
        self.batch_sentences = batch_sentences
        try:
            self._module = tf.saved_model.load(self.path)
            self._translate = self._module.signatures[_SIGNATURE]
            fits = "translation" in self._translate.structured_outputs
            fits &= "text" in self._translate.structured_input_signature[1]
            self._read_limits()
        except Exception as error:  # damaged files raise almost any kind
            raise errors.InputError(
                f"{self.path} cannot be loaded as an exported model "
                f"({' '.join(str(error).split())[:300]}): it is damaged or "
                "something else. Give what `export` wrote, or export again."
            ) from error
        if not fits:
            raise errors.InputError(
                f"{self.path} is a SavedModel, but not one of text in, "
                "translation out: give a folder that `export` wrote."
            )

    def _read_limits(self) -> None:
        """Reads which lines are surely not cut; other SavedModels tell none."""
        file = pathlib.Path(self.path, "assets.extra", "metadata.json")
        self._sure = math.inf
        if file.exists() and "options" in self._module.signatures:
            facts = json.loads(file.read_text("utf-8"))
            # A token has a byte at least, but for a first space; the end is
            # one. Only few characters become more when they are normalised.
            self._sure = facts["max_length"] - 2
            self._beams = facts["decoding"]["beam_size"]
            self._with_options = self._module.signatures["options"]

    def __call__(self, lines: Sequence[str]) -> list[str]:
        """Returns one translation per line, in order; "" for blank lines.

        Lines that are longer than the export takes are cut; a warning counts
        them where it was written by `export`.
        """
        cleaned = [sentences.clean_text(line).encode() for line in lines]
        order = sorted(range(len(lines)), key=lambda i: -len(cleaned[i]))
        results = [""] * len(lines)
        for start in range(0, len(order), self.batch_sentences):
            batch = order[start : start + self.batch_sentences]
            text = tf.constant([cleaned[i] for i in batch])
            translated = self._translate(text=text)["translation"].numpy()
            for line, translation in zip(batch, translated, strict=True):
                results[line] = translation.decode()
        self._tell_cuts([line for line in cleaned if len(line) > self._sure])
        return results

    def _tell_cuts(self, lines: Sequence[bytes]) -> None:
        """Warns of those that are too long, or whose translations are."""
        cut = 0
        for start in range(0, len(lines), self.batch_sentences):
            text = tf.constant(lines[start : start + self.batch_sentences])
            found = self._with_options(
                text=text,
                beam_size=tf.fill(tf.shape(text), self._beams),
                length_penalty=tf.fill(tf.shape(text), math.nan),
                max_length=tf.fill(tf.shape(text), tf.int32.max),
            )
            cut += int(tf.math.count_nonzero(found["truncated"]))
        if cut:
            logging.warning(
                "%d lines were cut: they, or their translations, have more "
                "tokens than the export takes.",
                cut,
            )


def load_exported(path: str | os.PathLike) -> Translate:
    """Returns a callable: list of strings to list of strings.

    Args:
        path: a version's folder, or the folder of versions; of any form that
            `export` writes.

    Raises:
        InputError: if there is no export that translates text.
    """
    folder = versions.newest(path)
    if versions.form(folder) == "ctranslate2":
        extras.require("ctranslate2")
        from shared_transformer_tf.export import ctranslate2_translator

        return ctranslate2_translator.CTranslate2Translator(folder)
    if versions.form(folder) == "onnx":
        extras.require("onnx")
        from shared_transformer_tf.export import onnx_translator

        return onnx_translator.OnnxTranslator(folder)
    return LoadedExport(folder)
