"""Curves are read while they are written, and compared at equal tokens."""

import json

import pytest

from shared_transformer_tf.study.cell import learning_curve


def curve(*values, every=10):
    return [
        {"tokens": every * (i + 1), "bleu": float(v)}
        for i, v in enumerate(values)
    ]


def test_records_of_a_kind_are_read_without_the_line_in_the_making(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert learning_curve.read(str(path)) == []
    lines = [
        {"kind": "train", "step": 1, "tokens": 5, "loss": 7.0},
        {"kind": "valid", "step": 2, "tokens": 10, "bleu": 1.0},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    path.write_text(text + '{"kind": "valid", "st')
    assert learning_curve.read(str(path)) == lines[1:]
    assert learning_curve.read(str(path), "train") == lines[:1]


@pytest.mark.parametrize(
    ("tokens", "value"),
    [(10, 2.0), (15, 3.0), (20, 4.0), (25, 4.0), (30, 4.0), (31, None)],
)
def test_between_evaluations_a_curve_is_a_line(tokens, value):
    assert learning_curve.value_at(curve(2, 4, 4), "bleu", tokens) == value


def test_an_evaluation_some_tokens_early_counts():
    assert learning_curve.value_at(curve(2, 4), "bleu", 20.3) == 4.0


OTHERS = [curve(1, 2, 3), curve(2, 4, 6), curve(3, 6, 9), curve(4, 8)]


@pytest.mark.parametrize(
    ("own", "sign", "below"),
    [
        (curve(2.4), 1, True),
        (curve(2.6), 1, False),
        (curve(2.4), -1, False),
        (curve(2.6), -1, True),
        (curve(9, 4.9), 1, True),
        (curve(0, 5), 1, False),  # as good as the median is not below
    ],
)
def test_the_median_of_the_others_decides_at_equal_tokens(own, sign, below):
    assert (
        learning_curve.is_below_median(own, OTHERS, "bleu", sign, least=4)
        == below
    )


def test_too_few_others_decide_nothing():
    def below(own):
        return learning_curve.is_below_median(own, OTHERS, "bleu", 1, least=4)

    assert below(curve(0, 0))
    assert not below(curve(0, 0, 0))  # only three have come so far
    assert not below([])
