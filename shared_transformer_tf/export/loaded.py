"""An exported model, back in Python."""

import os
from collections.abc import Callable, Sequence

import tensorflow as tf
import tensorflow_text  # noqa: F401  registers the SentencePiece operations

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

    def __call__(self, lines: Sequence[str]) -> list[str]:
        """Returns one translation per line, in order; "" for blank lines.

        Lines that are longer than the export takes are cut, and nothing tells
        it: the signature `options` says of each whether it was `truncated`.
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
        return results


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
