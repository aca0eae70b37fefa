"""Two replicas do the update that one does with the whole batch."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from tests.training import two_replicas

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Of the gradients of three steps of SGD, as relative errors. The halves of a
# batch are rounded in other places than the whole; bfloat16 keeps 8 bits,
# float16 11.
TOLERANCES = {
    f"{dtype} {rule}": tolerance
    for dtype, tolerance in (("float64", 1e-12), ("float32", 1e-5))
    for rule in two_replicas.RULES[dtype]
} | {
    "mixed_bfloat16": 0.05,
    "mixed_float16": 0.005,
    "slices": 1e-5,
    "xla": 1e-5,
}


@pytest.fixture(scope="module")
def found():
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.two_replicas"],
        cwd=ROOT,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("case", TOLERANCES)
def test_two_replicas_are_one_of_twice_the_batch(found, case):
    result = found[case]
    assert result["tokens"] == result["expected_tokens"]
    assert result["gradients"] <= TOLERANCES[case]
    # loss and norm are those of all replicas; metrics are float32
    assert result["logs"] <= max(TOLERANCES[case], 1e-5)


def test_an_infinity_on_either_replica_is_skipped_by_both(found):
    for result in found["overflow"]:
        assert result == {"scales": [4.0, 4.0], "changed": 0.0, "updates": 0}
    for result in found["infinite"]:
        assert result == {"scales": [], "changed": 0.0, "updates": 0}


def test_an_overflow_at_a_scale_of_1_does_not_lower_it(found):
    expected = {"scales": [1.0, 1.0], "changed": 0.0, "updates": 0}
    assert found["lowest"] == expected


def test_a_long_finite_gradient_is_skipped_and_the_scale_stays(found):
    half, single = found["too long"]
    assert half == {"scales": [8.0, 8.0], "changed": 0.0, "updates": 0}
    assert single == {"scales": [], "changed": 0.0, "updates": 0}


@pytest.mark.parametrize("other", ["one", "plain"])
def test_a_keras_loss_with_regularizers_and_unequal_rows(found, other):
    result = found["keras"]
    assert result[other]["gradients"] <= 1e-5
    # the loss and accuracy of fit, and those of evaluate
    assert result["shown"] == pytest.approx(result[other]["shown"], rel=1e-5)


def test_trainings_one_after_the_other_share_the_replicas(found):
    """All of the above were trained over one strategy."""
    assert found["made once"]


def test_every_replica_drops_for_itself(found):
    first, second = found["dropout"]
    assert first != second
