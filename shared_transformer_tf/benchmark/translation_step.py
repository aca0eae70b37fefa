"""A call that translates a batch, as a contender of `benchmark.decoding`.

python -m shared_transformer_tf.benchmark.translation_step JSON
"""

import dataclasses
import json
import pathlib
import sys
from collections.abc import Callable, Sequence

from shared_transformer_tf.benchmark import batches, contender


def main(settings: dict) -> None:
    """Serves calls of one engine.

    Args:
        settings: `engine`, one of `ENGINES`; `path` of its run or export;
            `beam_size`, for a run; `sentences`, a JSON file with a list of
            them; `size` of a batch.
    """
    translate = ENGINES[settings["engine"]](settings)
    text = pathlib.Path(settings["sentences"]).read_text("utf-8")
    work = batches.Batches(translate, json.loads(text), settings["size"])
    contender.serve(work.step, answers=work.answers())


def _translator(settings: dict) -> Callable:
    from shared_transformer_tf import trained_run

    run = trained_run.load_run(settings["path"])
    options = dataclasses.replace(
        run.config.decoding, beam_size=settings["beam_size"]
    )
    return run.translator(options)


def _saved_model(settings: dict) -> Callable:
    import tensorflow as tf
    import tensorflow_text  # noqa: F401  registers SentencePiece's operations

    module = tf.saved_model.load(settings["path"])

    def translate(lines: Sequence[str]) -> list[str]:
        found = module.signatures["serving_default"](text=tf.constant(lines))
        return [text.decode() for text in found["translation"].numpy()]

    return translate


def _ctranslate2(settings: dict) -> Callable:
    from shared_transformer_tf.export import ctranslate2_translator

    return ctranslate2_translator.CTranslate2Translator(settings["path"])


ENGINES = {
    "translator": _translator,
    "saved_model": _saved_model,
    "ctranslate2": _ctranslate2,
}

if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
