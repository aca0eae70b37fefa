"""A training step of OpenNMT-tf, as a contender of `bin/benchmark.py train`.

peers/.opennmt/bin/python peers/opennmt_step.py JSON
"""

import json
import os
import pathlib
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "shared_transformer_tf" / "benchmark"))

import contender  # noqa: E402
import numpy as np  # noqa: E402
import opennmt  # noqa: E402
import tensorflow as tf  # noqa: E402


def main(settings: dict) -> None:
    """Serves steps of an OpenNMT-tf Transformer of the same size."""
    sizes = settings["model"]
    model = opennmt.models.Transformer(
        opennmt.inputters.WordEmbedder(embedding_size=sizes["hidden_dim"]),
        opennmt.inputters.WordEmbedder(embedding_size=sizes["hidden_dim"]),
        num_layers=sizes["num_layers"],
        num_units=sizes["hidden_dim"],
        num_heads=sizes["num_heads"],
        ffn_inner_dim=sizes["intermediate_dim"],
        dropout=sizes["dropout"],
        attention_dropout=0.0,
        ffn_dropout=0.0,
        share_embeddings=opennmt.models.EmbeddingsSharingLevel.ALL,
    )
    with tempfile.TemporaryDirectory() as folder:
        vocabulary = pathlib.Path(folder, "vocabulary")
        words = ["<blank>", "<s>", "</s>"]
        words += [f"w{n}" for n in range(sizes["vocabulary_size"] - 4)]
        vocabulary.write_text("\n".join(words) + "\n", encoding="utf-8")
        model.initialize(
            {
                "source_vocabulary": str(vocabulary),
                "target_vocabulary": str(vocabulary),
            },
            params={
                "optimizer": "Adam",
                "learning_rate": 1e-3,
                "label_smoothing": 0.1,
                "max_grad_norm": 5.0,
            },
        )
    optimizer = model.get_optimizer()
    features, labels = _batch(settings)

    @tf.function
    def update():
        loss, gradients = model.compute_gradients(features, labels, optimizer)
        gradients, _ = tf.clip_by_global_norm(gradients, 5.0)
        optimizer.apply_gradients(
            zip(gradients, model.trainable_weights, strict=True)
        )
        return loss

    model.create_variables(optimizer=optimizer)
    contender.serve(
        lambda: update().numpy(),
        version=f"OpenNMT-tf {opennmt.__version__}, TF {tf.__version__}",
        weights=int(sum(np.prod(w.shape) for w in model.trainable_weights)),
    )


def _batch(settings: dict) -> tuple:
    rng = np.random.default_rng(0)
    rows, length = settings["rows"], settings["length"]
    words = settings["model"]["vocabulary_size"]
    source, target = (
        tf.constant(rng.integers(4, words, (rows, length)), tf.int64)
        for _ in range(2)
    )
    lengths = tf.fill([rows], length)
    features = {"ids": source, "length": lengths}
    labels = {"ids": target, "ids_out": target, "length": lengths}
    return features, labels


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
