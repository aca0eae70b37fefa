from shared_transformer_tf.export import check_lines
from tests.export import exported


def test_lines_are_the_same_at_each_call_and_of_many_lengths():
    tokenizer = exported.make_tokenizer()
    lines = check_lines.made(tokenizer, 16)
    assert lines == check_lines.made(tokenizer, 16)
    assert len({len(row) for row in tokenizer.encode_source(lines)}) > 5
    assert max(map(len, check_lines.ODD)) > 1000
