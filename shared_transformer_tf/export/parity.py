"""Runs a SavedModel as servers do: by TensorFlow's C++ loader.

A program of its own that imports nothing of this package, so that whatever
works here does not lean on Python code:

    python parity.py VERSION_FOLDER < CALLS.json > ANSWERS.json

Standard input is a JSON list of calls: `signature`, and `inputs` by name, each
a list, strings with a character for each byte. Standard output is one JSON
object: `answers`, for each call its outputs by name in the same form, and
`float_bytes`, what the stored float variables take.
"""

import json
import sys
import typing

import tensorflow as tf
import tensorflow_text  # noqa: F401  registers the SentencePiece operations


def run(
    folder: str, calls: list[dict[str, typing.Any]]
) -> list[dict[str, list]]:
    """Makes calls by the tensor names of their signatures.

    Args:
        folder: the version's.
        calls: `signature` and `inputs`, lists by name, text as bytes.

    Returns:
        For each call its outputs, nested lists by name, text as bytes.
    """
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        loaded = tf.compat.v1.saved_model.loader.load(
            session, ["serve"], folder
        )
        answers = []
        for call in calls:
            signature = loaded.signature_def[call["signature"]]
            fed = {
                signature.inputs[name].name: values
                for name, values in call["inputs"].items()
            }
            outputs = {n: t.name for n, t in signature.outputs.items()}
            found = session.run(outputs, fed)
            answers.append({n: x.tolist() for n, x in found.items()})
        return answers


def float_bytes(folder: str) -> int:
    """Returns how many bytes of float variables are stored."""
    reader = tf.train.load_checkpoint(f"{folder}/variables/variables")
    types = reader.get_variable_to_dtype_map()
    return sum(
        reader.get_tensor(name).nbytes
        for name, dtype in types.items()
        if dtype.is_floating
    )


def to_json(value: typing.Any) -> typing.Any:
    """Returns nested values with a character for each byte of text."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, dict):
        return {name: to_json(one) for name, one in value.items()}
    if isinstance(value, list):
        return [to_json(one) for one in value]
    return value


def main() -> None:
    """Reads standard input, writes standard output."""
    calls = json.load(sys.stdin)
    for call in calls:
        text = call["inputs"]["text"]
        call["inputs"]["text"] = [line.encode("latin-1") for line in text]
    answers = to_json(run(sys.argv[1], calls))
    json.dump(
        {"answers": answers, "float_bytes": float_bytes(sys.argv[1])},
        sys.stdout,
    )


if __name__ == "__main__":
    main()
