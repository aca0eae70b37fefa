import pytest

from shared_transformer_tf.config import Config
from shared_transformer_tf.study.cells import Cell
from shared_transformer_tf.study.run.time_left import TimeLeft
from shared_transformer_tf.study.settings import changed

CELLS = [Cell("en-de", "vanilla", seed) for seed in range(1, 5)]


def expecting(workers=1, layers=(2, 2, 2, 2)):
    left = TimeLeft(workers)
    left.expect(
        {
            cell: changed(Config(), {"model.num_layers": depth})
            for cell, depth in zip(CELLS, layers, strict=True)
        }
    )
    return left


@pytest.mark.parametrize(("workers", "hours"), [(1, "6.0"), (2, "3.0")])
def test_the_rest_takes_as_long_as_before(workers, hours):
    left = expecting(workers)
    assert left.describe() == "[0 of 4]"
    left.note(CELLS[0], 7200.0)
    assert left.describe() == f"[1 of 4, {hours} hours left]"
    assert left.number == 3


def test_deeper_cells_take_longer():
    left = expecting(layers=(2, 2, 2, 6))
    left.note(CELLS[0], 3600.0)
    left.note(CELLS[1], 3600.0)
    left.note(CELLS[2], 3600.0)
    (hours,) = [w for w in left.describe().split() if "." in w]
    assert float(hours) > 1


def test_what_failed_tells_no_pace():
    left = expecting()
    left.note(CELLS[0], None)
    assert left.describe() == "[1 of 4]"
