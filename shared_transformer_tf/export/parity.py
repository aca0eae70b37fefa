"""Runs a SavedModel as servers do: by TensorFlow's C++ loader.

A program of its own that imports nothing of this package, so that whatever
works here does not lean on Python code:

    python parity.py VERSION_FOLDER < LINES.json > TRANSLATIONS.json

Standard input is a JSON list of batches; a batch is a list of lines, a line
a list of byte values. Standard output is one JSON object: `batches`, the
translations in the same form, and `float_bytes`, what the stored float
variables take.
"""

import json
import sys

import tensorflow as tf
import tensorflow_text  # noqa: F401  registers the SentencePiece operations


def run(folder: str, batches: list[list[bytes]]) -> list[list[bytes]]:
    """Translates batches by the tensor names of `serving_default`."""
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        loaded = tf.compat.v1.saved_model.loader.load(
            session, ["serve"], folder
        )
        signature = loaded.signature_def["serving_default"]
        text = signature.inputs["text"].name
        translation = signature.outputs["translation"].name
        return [
            list(session.run(translation, {text: batch})) for batch in batches
        ]


def float_bytes(folder: str) -> int:
    """Returns how many bytes of float variables are stored."""
    reader = tf.train.load_checkpoint(f"{folder}/variables/variables")
    types = reader.get_variable_to_dtype_map()
    return sum(
        reader.get_tensor(name).nbytes
        for name, dtype in types.items()
        if dtype.is_floating
    )


def main() -> None:
    """Reads standard input, writes standard output."""
    batches = json.load(sys.stdin)
    translated = run(
        sys.argv[1], [[bytes(line) for line in batch] for batch in batches]
    )
    json.dump(
        {
            "batches": [[list(line) for line in x] for x in translated],
            "float_bytes": float_bytes(sys.argv[1]),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
