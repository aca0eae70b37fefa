"""Schedules: the table of the literature, and errors that show what fits."""

import pytest

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.schedule import STRATEGIES, make_schedule


@pytest.mark.parametrize(
    ("sharing", "num_layers", "num_blocks", "expected"),
    [
        ("none", 6, 6, "0 1 2 3 4 5"),
        ("none", 6, None, "0 1 2 3 4 5"),
        ("universal", 6, None, "0 0 0 0 0 0"),
        ("sequence", 6, 3, "0 0 1 1 2 2"),
        ("cycle", 6, 3, "0 1 2 0 1 2"),
        ("cycle_rev", 6, 3, "0 1 2 2 1 0"),
        ("cycle_rev", 12, 4, "0 1 2 3 0 1 2 3 3 2 1 0"),
        ("sandwich", 6, None, "0 1 1 1 1 2"),
        ("sandwich", 6, 4, "0 1 1 2 2 3"),
        ("0 1 1 0", 4, None, "0 1 1 0"),
        ([0, 1, 1, 0], 4, 2, "0 1 1 0"),
        ("[0, 0]", 2, 1, "0 0"),
    ],
)
def test_table(sharing, num_layers, num_blocks, expected):
    schedule = make_schedule(sharing, num_layers, num_blocks)
    assert " ".join(map(str, schedule)) == expected


@pytest.mark.parametrize("num_layers", range(1, 13))
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_block_is_used_wherever_a_strategy_fits(strategy, num_layers):
    for num_blocks in range(1, num_layers + 1):
        try:
            schedule = make_schedule(strategy, num_layers, num_blocks)
        except InputError:
            continue
        assert len(schedule) == num_layers
        assert set(schedule) == set(range(num_blocks))


def test_unshared_ends_own_their_blocks():
    schedule = make_schedule(
        "sequence", 8, 4, unshared_first=1, unshared_last=1
    )
    assert schedule == (0, 1, 1, 1, 2, 2, 2, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sequence", 6, 4), r"3 \(0 0 1 1 2 2\)"),
        (("cycle", 6, 7), "does not fit"),
        (("cycle", 6), "no `num_blocks`"),
        (("sandwich", 2), "at least 3 layers"),
        (("twice", 6, 3), "cycle_rev"),
        (("0 5", 2, 3), "indices are 0 to 2"),
        (("0 2", 2), "never uses block 1"),
        (("0 0", 3), "has 2 entries"),
        (("none", 0), "at least 1"),
        (("cycle", 4, 2, 2, 2), "leaves no layer"),
        (("cycle", 4, 2, -1, 0), "negative"),
        (("0 0", 2, 1, 1, 0), "leave `unshared_first`"),
    ],
)
def test_impossible_schedules_say_what_fits(arguments, message):
    with pytest.raises(InputError, match=message):
        make_schedule(*arguments)
