"""Names of cells, and how far a sweep of the learning rate goes."""

import dataclasses

import pytest

from shared_transformer_tf.study.cells import (
    Cell,
    CellGroup,
    extension,
    factor,
)

CELL = Cell("en-de", "vanilla", 1)


def test_names():
    assert CELL.name == "en-de.vanilla.1"
    half = Cell("en-de", "vanilla", 1, 0.5)
    assert half.name == "en-de.vanilla.1.learning_rate_x0.5"
    assert Cell("en-de", "vanilla", 1, 2.0).variation == "learning_rate_x2"


@pytest.mark.parametrize("by", [0.125, 0.25, 0.5, 2.0, 8.0])
def test_a_variation_tells_its_factor(by):
    assert factor(Cell("en-de", "vanilla", 1, by).variation) == by


@pytest.mark.parametrize(
    "name",
    ["", "none", "learning_rate_x", "x2", "xx2"]
    + [f"learning_rate_x{by}" for by in ("0", "3", "16", "0.0625")],
)
def test_other_words_tell_no_factor(name):
    assert factor(name) is None


def test_a_group_has_every_combination_and_plain_cells_first():
    group = CellGroup(("en-de", "de-en"), ("a", "b"), (1, 2), (0.5, 1.0))
    cells = list(group.cells())
    assert len(set(cells)) == len(cells) == 16
    assert [cell.rate_factor for cell in cells] == [1.0] * 8 + [0.5] * 8


def test_what_a_sweep_may_come_to():
    group = CellGroup(("en-de",), ("a",), (1,), (0.5, 2.0), extended=True)
    beyond = [cell.rate_factor for cell in group.beyond()]
    assert beyond == [0.125, 0.25, 4.0, 8.0]
    assert not list(dataclasses.replace(group, extended=False).beyond())


def bleu(**factors):
    names = {
        Cell("en-de", "vanilla", 1, float(by[1:].replace("_", "."))).name: one
        for by, one in factors.items()
    }
    return names


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        ({"x0_5": 1, "x1": 2}, None),  # the sweep itself is not done
        ({"x0_5": 1, "x1": 2, "x2": 1}, None),
        ({"x0_5": 1, "x1": 2, "x2": 3}, 4.0),
        ({"x0_5": 3, "x1": 2, "x2": 1}, 0.25),
        ({"x0_5": 1, "x1": 2, "x2": 3, "x4": 2}, None),
        ({"x0_5": 1, "x1": 2, "x2": 3, "x4": 4}, 8.0),
        ({"x0_5": 1, "x1": 2, "x2": 3, "x4": 4, "x8": 5}, None),  # far enough
        ({"x0_5": 2, "x1": 2, "x2": 2}, None),  # equally good
    ],
)
def test_a_sweep_goes_on_at_its_edge(measured, expected):
    found = extension(CELL, (0.5, 2.0), bleu(**measured))
    assert (found and found.rate_factor) == expected
