"""What reaches the model is clean, not too long, and sorted."""

import numpy as np
import pytest

from shared_transformer_tf.decoding import sentences


@pytest.mark.parametrize(
    ("line", "cleaned"),
    [
        ("A man.", "A man."),
        (" \t\u00a0", ""),
        ("\u3000\u2028", ""),
        ("a\udcffb", "a\ufffdb"),
        (" a\u2028b ", " a\u2028b "),
    ],
)
def test_lines_can_be_encoded(line, cleaned):
    assert sentences.clean_text(line) == cleaned
    cleaned.encode()


def test_what_is_too_long_is_cut_and_counted(caplog):
    assert sentences.cut([[4, 5, 6], [7], []], 2) == [[4, 5], [7], []]
    assert "1 of 3 lines were cut to 2 tokens" in caplog.text
    caplog.clear()
    sentences.cut(["ab"], 2)
    assert not caplog.text


def test_batches_are_of_like_lengths_and_hold_each_sentence_once():
    lengths = [3, 9, 1, 9, 4]
    found = list(sentences.batches(lengths, 2))
    assert [len(batch) for batch in found] == [2, 2, 1]
    order = sum(found, [])
    assert sorted(order) == [0, 1, 2, 3, 4]
    assert [lengths[i] for i in order] == sorted(lengths, reverse=True)


def test_rows_end_with_the_end_symbol():
    padded = sentences.padded([[7, 8], [], [9]])
    assert padded.dtype == np.int32
    assert padded.tolist() == [[7, 8, 3], [3, 0, 0], [9, 3, 0]]
