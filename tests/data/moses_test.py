"""Text as Moses leaves it."""

import gzip
import os
import pathlib

import pytest

from shared_transformer_tf.data import moses
from shared_transformer_tf.errors import InputError


@pytest.mark.parametrize(
    ("language", "line", "tokens"),
    [
        ("en", "A man\u2019s hat, well-worn.", "a man 's hat , well-worn ."),
        ("en", "\u201cYes\u201d \u2013 1,000 & <b>", '" yes " - 1,000 & < b >'),
        ("fr", "L\u2019homme", "l' homme"),
        ("de", "\u00c4pfel und \u00d6l.", "\u00e4pfel und \u00f6l ."),
        ("de", "@@", "@@"),
        ("de", " @@ ", "@@"),
        ("en", "", ""),
        ("en", "a\u2028b\tc", "a b c"),
    ],
)
def test_tokens(language, line, tokens):
    assert moses.MosesTokenizer(language)(line) == tokens


def prepared(folder, **changes):
    told = []
    options = {
        "source": folder / "raw",
        "output": folder / "moses",
        "splits": ["train", "val"],
        "languages": ["en", "de"],
    } | changes
    moses.prepare(**options, tell=lambda *one: told.append(one))
    return told


@pytest.fixture(name="folder")
def fixture_folder(tmp_path):
    (tmp_path / "raw").mkdir()
    for name in ("train.en", "train.de", "val.de"):
        (tmp_path / "raw" / name).write_text("Ab, wort.\n\nD\u2028e\n")
    with gzip.open(tmp_path / "raw" / "val.en.gz", "wt") as stream:
        stream.write("Ab, wort.\n")
    return tmp_path


def test_lines_stay_lines(folder):
    assert ("train.de", 3, 6) in prepared(folder)
    written = (folder / "moses" / "train.de").read_text()
    assert written == "ab , wort .\n\nd e\n"
    assert (folder / "moses" / "val.en").read_text() == "ab , wort .\n"
    assert len(list((folder / "moses").iterdir())) == 4


def test_nothing_is_written_where_a_file_is_missing(folder):
    with pytest.raises(InputError, match="neither val.fr nor val.fr.gz"):
        prepared(folder, languages=["en", "fr"], splits=["val"])
    assert not (folder / "moses").exists()


def test_text_is_not_written_over_itself(folder):
    with pytest.raises(InputError, match="over itself"):
        prepared(folder, output=folder / "moses" / ".." / "raw")


def test_references_of_multi30k_have_as_many_tokens_as_published():
    folder = os.environ.get("MULTI30K_DIR")
    if not folder:
        pytest.skip("MULTI30K_DIR is not set")
    path = pathlib.Path(folder) / "test_2016_flickr.de.gz"
    tokenize = moses.MosesTokenizer("de")
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        assert sum(len(tokenize(line).split()) for line in stream) == 12_103
