"""OpenNMT-tf's SavedModel, as a contender of `bin/benchmark.py decode`.

peers/.opennmt/bin/python peers/opennmt_translate.py JSON

It gets the weights of our model, so that both translate the same sentences
into the same ones, and the sentences as pieces of the same tokenizer.
"""

import json
import os
import pathlib
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "shared_transformer_tf" / "benchmark"))

import batches  # noqa: E402
import contender  # noqa: E402
import numpy as np  # noqa: E402
import opennmt  # noqa: E402
import tensorflow as tf  # noqa: E402

SPECIAL = ["<blank>", "<s>", "</s>"]


def main(settings: dict) -> None:
    """Exports a model with the given weights, loads it and serves calls.

    Args:
        settings: `weights`, a file of arrays by CTranslate2's names;
            `pieces`, a JSON file with the vocabulary in the order of its ids,
            padding, unknown, start and end first; `model`, its sizes;
            `params`, OpenNMT-tf's, of the search; `sentences`, a JSON file
            with lists of pieces; `size` of a batch.
    """
    pieces = json.loads(pathlib.Path(settings["pieces"]).read_text("utf-8"))
    sentences = pathlib.Path(settings["sentences"]).read_text("utf-8")
    with np.load(settings["weights"]) as weights:
        arrays = dict(weights)
    with tempfile.TemporaryDirectory() as folder:
        model = _make(settings, pieces, arrays, folder)
        _fill(model, arrays, len(pieces))
        model.export(f"{folder}/export")
        module = tf.saved_model.load(f"{folder}/export")

    def translate(rows):
        longest = max(map(len, rows)) + 1
        padded = [
            [*row, "</s>"] + [""] * (longest - len(row) - 1) for row in rows
        ]
        lengths = [len(row) + 1 for row in rows]
        found = module.signatures["serving_default"](
            tokens=tf.constant(padded), length=tf.constant(lengths)
        )
        ends = found["length"].numpy()[:, 0]
        tokens = found["tokens"].numpy()[:, 0]
        return [
            b"".join(row[:end]).decode().replace("\u2581", " ").strip()
            for row, end in zip(tokens, ends, strict=True)
        ]

    work = batches.Batches(translate, json.loads(sentences), settings["size"])
    contender.serve(
        work.step,
        answers=work.answers(),
        version=f"OpenNMT-tf {opennmt.__version__}, TF {tf.__version__}",
    )


def _make(settings, pieces, arrays, folder):
    sizes = settings["model"]
    encodings = arrays["encoder/position_encodings/encodings"]

    class Positions(opennmt.layers.PositionEncoder):
        """The encodings that our model adds."""

        def _encode(self, positions, depth):
            positions = tf.convert_to_tensor(positions)
            return tf.gather(tf.constant(encodings), positions - 1)

    model = opennmt.models.Transformer(
        opennmt.inputters.WordEmbedder(embedding_size=sizes["hidden_dim"]),
        opennmt.inputters.WordEmbedder(embedding_size=sizes["hidden_dim"]),
        num_layers=(sizes["encoder_layers"], sizes["decoder_layers"]),
        num_units=sizes["hidden_dim"],
        num_heads=sizes["num_heads"],
        ffn_inner_dim=sizes["intermediate_dim"],
        pre_norm=sizes["pre_norm"],
        position_encoder_class=Positions,
        share_embeddings=opennmt.models.EmbeddingsSharingLevel.ALL,
    )
    vocabulary = pathlib.Path(folder, "vocabulary")
    words = [*SPECIAL, *pieces[len(SPECIAL) + 1 :]]
    vocabulary.write_text("\n".join(words) + "\n", encoding="utf-8")
    model.initialize(
        {"source_vocabulary": str(vocabulary)}
        | {"target_vocabulary": str(vocabulary)},
        params=settings["params"],
    )
    model.create_variables()
    return model


def _fill(model, arrays: dict, words: int) -> None:
    """Sets every weight, and sees that none is left out."""
    # OpenNMT-tf: padding, start, end, pieces, unknown.
    order = np.array([0, 2, 3, *range(4, words), 1])
    filled = []

    def fill(variable, array) -> None:
        variable.assign(array)
        filled.append(variable.ref())

    def dense(layer, name: str, part: int = 0, parts: int = 1) -> None:
        kernel = np.split(arrays[f"{name}/weight"], parts)[part]
        fill(layer.kernel, kernel.T)
        fill(layer.bias, np.split(arrays[f"{name}/bias"], parts)[part])

    def norm(layer, name: str) -> None:
        fill(layer.gamma, arrays[f"{name}/gamma"])
        fill(layer.beta, arrays[f"{name}/beta"])

    def attention(wrapper, name: str) -> None:
        norm(
            wrapper.input_layer_norm or wrapper.output_layer_norm,
            f"{name}/layer_norm",
        )
        layer = wrapper.layer
        if f"{name}/linear_2/weight" in arrays:  # of the source
            dense(layer.linear_queries, f"{name}/linear_0")
            dense(layer.linear_keys, f"{name}/linear_1", 0, 2)
            dense(layer.linear_values, f"{name}/linear_1", 1, 2)
            dense(layer.linear_output, f"{name}/linear_2")
            return
        dense(layer.linear_queries, f"{name}/linear_0", 0, 3)
        dense(layer.linear_keys, f"{name}/linear_0", 1, 3)
        dense(layer.linear_values, f"{name}/linear_0", 2, 3)
        dense(layer.linear_output, f"{name}/linear_1")

    for side in ("encoder", "decoder"):
        stack = getattr(model, side)
        for depth, layer in enumerate(stack.layers):
            name = f"{side}/layer_{depth}"
            attention(layer.self_attention, f"{name}/self_attention")
            if side == "decoder":
                attention(layer.attention[0], f"{name}/attention")
            wrapper = layer.ffn
            norm(
                wrapper.input_layer_norm or wrapper.output_layer_norm,
                f"{name}/ffn/layer_norm",
            )
            dense(wrapper.layer.inner, f"{name}/ffn/linear_0")
            dense(wrapper.layer.outer, f"{name}/ffn/linear_1")
        if stack.layer_norm is not None:
            norm(stack.layer_norm, f"{side}/layer_norm")
    embedding = arrays["encoder/embeddings_0/weight"][order]
    fill(model.features_inputter.embedding, embedding)
    fill(model.decoder.output_layer.bias, np.zeros(words, np.float32))
    left = [x.name for x in model.trainable_weights if x.ref() not in filled]
    if left:
        raise ValueError(f"Not filled: {left}")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
