import pytest
import tensorflow as tf

from shared_transformer_tf import config
from shared_transformer_tf.decoding import sentences
from shared_transformer_tf.export import text_graph
from tests.export import exported


@pytest.mark.parametrize("joint", [True, False])
def test_tokens_and_texts_equal_those_of_python(joint):
    tokenizer = exported.make_tokenizer(joint)
    graph = text_graph.TextGraph(tokenizer, exported.MAX_LENGTH)
    lines = list(exported.TRICKY)
    padded = graph.encode(tf.constant(lines)).numpy().tolist()
    cleaned = [sentences.clean_text(line) for line in lines]
    for row, ids in zip(padded, tokenizer.encode_source(cleaned), strict=True):
        expected = [*ids[: exported.MAX_LENGTH - 1], config.END_ID]
        assert row == expected + [config.PAD_ID] * (len(row) - len(expected))
    generated = [[4, 5, 1, 3, 0], [2, 9, 3, 0, 0], [0] * 5, [3, 0, 0, 0, 0]]
    texts = graph.decode(tf.constant(generated)).numpy()
    assert [text.decode() for text in texts] == tokenizer.decode_target(
        generated
    )


def test_bytes_that_are_not_utf8_are_unknown_text():
    tokenizer = exported.make_tokenizer()
    graph = text_graph.TextGraph(tokenizer, exported.MAX_LENGTH)
    for line in (
        b"one \xff two",
        b"\xe2\x82",
        b"\xed\xa0\x80 six",
        b"\xf0\x9f",
    ):
        ids = graph.encode(tf.constant([line])).numpy().tolist()
        text = line.decode("utf-8", "replace")
        assert ids == [[*tokenizer.encode_source([text])[0], config.END_ID]]


def test_ids_outside_the_vocabulary_do_no_harm():
    graph = text_graph.TextGraph(exported.make_tokenizer(), 16)
    assert graph.decode(tf.constant([[99999, 3]])).shape == (1,)


def test_batch_may_be_empty():
    graph = text_graph.TextGraph(exported.make_tokenizer(), 16)
    assert graph.encode(tf.zeros([0], tf.string)).shape[0] == 0
    assert graph.decode(tf.zeros([0, 0], tf.int32)).shape == (0,)
