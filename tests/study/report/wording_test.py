"""Figures in words."""

import pytest

from shared_transformer_tf.study.report import wording


def test_numbers_have_signs_units_and_spread():
    assert wording.signed(-0.124) == "\N{MINUS SIGN}0.12"
    assert wording.signed(0.1) == "+0.10"
    assert wording.interval((-0.3, 0.05)) == "[\N{MINUS SIGN}0.30, +0.05]"
    assert wording.spread([34.04]) == "34.0"
    assert wording.spread([33.0, 34.0, 35.0]) == "34.0 ± 1.0 (3)"
    shown = ["940", "11.0", "5.00"]
    assert wording.in_common_unit([9.4e14, 1.1e13, 5e12]) == ("TFLOPs", shown)
    assert wording.in_common_unit([3.0]) == ("FLOPs", ["3.00"])
    assert wording.amount(3_001_000) == "3M"
    assert wording.duration(42) == "42 s"
    assert wording.duration(90) == "1.5 min"
    assert wording.duration(7200) == "2.0 h"


@pytest.mark.parametrize(
    "text", ["a|b", "<script>", "a `b`", "two\nlines", "*a* | _b_ [c]"]
)
def test_code_leaves_no_markup(text):
    shown = wording.code(text)
    inside = shown.removeprefix("<code>").removesuffix("</code>")
    assert not set(inside) & set("|<>`\n*_[]")
    assert wording.code("learning_rate 0.1") == "`learning_rate 0.1`"


def test_columns_of_text_are_aligned_to_the_left():
    table = wording.table(["a", "b", "c"], [["x", "1", "y"]], texts=(0, 2))
    assert table.split("\n")[1] == "| :-- | --: | :-- |"
