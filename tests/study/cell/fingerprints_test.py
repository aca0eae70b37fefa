"""Hashes tell one vocabulary and one text from another, wherever they lie."""

import pytest

from shared_transformer_tf.config import Config
from shared_transformer_tf.study.cell import fingerprints

LINES = "a b\nc d\n"


def hashes(folder, vocabulary=b"model", **changes):
    """Of a run whose every file but the changed ones holds `LINES`."""
    config = Config()
    config.data.corpus, config.data.directory = "text", str(folder)
    (folder / "run" / "tokenizer").mkdir(parents=True)
    (folder / "run" / "tokenizer" / "joint.model").write_bytes(vocabulary)
    for split in ("train", "val", "test"):
        for language in ("en", "de"):
            text = changes.get(f"{split}_{language}", LINES)
            (folder / f"{split}.{language}").write_text(text)
    return fingerprints.of_run(str(folder / "run"), config)


@pytest.mark.parametrize(
    ("changes", "differing"),
    [
        ({}, set()),
        ({"vocabulary": b"other"}, {"vocabulary"}),
        ({"train_de": "c d\na b\n"}, {"text"}),
        ({"test_en": "a b\nc D\n"}, {"text"}),
    ],
)
def test_what_differs_is_told(changes, differing, tmp_path):
    own = hashes(tmp_path / "here")
    other = hashes(tmp_path / "there", **changes)
    assert {name for name in own if own[name] != other[name]} == differing
    assert all(len(one) == 16 for one in own.values())
