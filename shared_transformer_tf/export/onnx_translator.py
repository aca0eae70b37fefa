"""An export in ONNX' form, back in Python."""

import json
import os
import pathlib
from collections.abc import Sequence

import numpy as np
import onnxruntime
from absl import logging

from shared_transformer_tf import config, errors
from shared_transformer_tf.data import tokenizer as tokenizer_lib
from shared_transformer_tf.decoding import sentences
from shared_transformer_tf.export import versions

MODEL = "model.onnx"
METADATA = "metadata.json"


class OnnxTranslator:
    """Translates lists of strings with a folder that `export` wrote.

    Attributes:
        path: the version's folder.
        metadata: what the export says of itself.

    Args:
        path: a version's folder, or the folder of versions, which stands for
            its newest.

    Raises:
        InputError: if there is no such export or it cannot be loaded.

    Example:
        OnnxTranslator("exports")(["A man rides a bike."])
    """

    def __init__(self, path: str | os.PathLike):
        self.path = versions.newest(path)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors: it warns of what it removes
        try:
            self.metadata = json.loads(
                pathlib.Path(self.path, METADATA).read_text("utf-8")
            )
            self._longest = self.metadata["max_length"] - 1
            self._rows = self.metadata["decoding"]["batch_sentences"]
            self._session = onnxruntime.InferenceSession(
                os.path.join(self.path, MODEL),
                options,
                providers=["CPUExecutionProvider"],
            )
        except Exception as error:  # damaged files raise almost any kind
            raise errors.InputError(
                f"{self.path} cannot be loaded as an ONNX export "
                f"({' '.join(str(error).split())[:300]}): it is damaged or "
                "something else. Give what `export` wrote, or export again."
            ) from error
        self._tokenizer = tokenizer_lib.Tokenizer.load(self.path)

    def __call__(self, lines: Sequence[str]) -> list[str]:
        """Returns one translation per line, in order; "" for blank lines."""
        return [text for text, _ in self.translate_with_scores(lines)]

    def translate_with_scores(
        self, lines: Sequence[str]
    ) -> list[tuple[str, float]]:
        """Returns a translation and its score per line, 0 for blank ones."""
        encoded = self._tokenizer.encode_source(
            [sentences.clean_text(line) for line in lines]
        )
        too_long = sum(len(row) > self._longest for row in encoded)
        if too_long:
            logging.warning(
                "%d of %d lines were cut to %d tokens.",
                too_long,
                len(lines),
                self._longest,
            )
        results = [("", 0.0)] * len(lines)
        order = [i for i in range(len(lines)) if encoded[i]]
        order.sort(key=lambda i: -len(encoded[i]))
        for start in range(0, len(order), self._rows):
            batch = order[start : start + self._rows]
            ids, scores = self._search([encoded[i] for i in batch])
            texts = self._tokenizer.decode_target(ids.tolist())
            for line, text, score in zip(
                batch, texts, scores.tolist(), strict=True
            ):
                results[line] = (text, score)
        return results

    def _search(self, rows: list[list[int]]) -> list[np.ndarray]:
        rows = [[*row[: self._longest], config.END_ID] for row in rows]
        longest = max(map(len, rows))
        pad = [config.PAD_ID]
        padded = [row + pad * (longest - len(row)) for row in rows]
        return self._session.run(
            ["ids", "scores"], {"source_ids": np.array(padded, np.int32)}
        )
