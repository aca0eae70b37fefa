"""The plan for large devices: hours, memory."""

import pytest

from shared_transformer_tf.cli import config_flag
from shared_transformer_tf.study import plan
from shared_transformer_tf.study.cost import estimate, scale
from shared_transformer_tf.study.selection import Selection

COST = scale.ArmCost("vanilla", 6, 10**9, 1e9, 3, 1000, 3.6e6)
DEVICES = scale.Devices("eight", 8, 1e12, 32.0, (0.125, 0.5))


def test_hours_are_flops_by_speed():
    assert DEVICES.hours(3.6e15) == (0.25, 1.0)


def test_memory_is_that_of_weights_and_of_a_replicas_tokens():
    alone, shared = COST.memory_gib(1), COST.memory_gib(4)
    fixed = 18e9 / 2**30
    assert fixed < shared < alone
    assert (alone - fixed) == pytest.approx(4 * (shared - fixed))


def test_the_plan_adds_up():
    text = scale.describe([COST], [DEVICES], [("vanilla", 3.6e4)], 1000.0)
    rows = {
        line[:25].strip(): line[25:].split() for line in text.splitlines()[-4:]
    }
    assert rows["vanilla, a cell"] == ["0.2", "-", "1.0", "1.0"]
    assert rows["all cells"] == ["0.8", "-", "3.0", "3.0"]
    assert rows["search for vanilla"][0] == "0.0"
    one_batch = 18e9 / 2**30 + 0.125 * (COST.memory_gib(1) - 18e9 / 2**30)
    two = 2 * one_batch - 18e9 / 2**30
    assert f"up to {two:.1f} of 32 GiB each, with searches" in text
    text = scale.describe([COST], [DEVICES])
    assert f"up to {one_batch:.1f} of 32 GiB each: fits" in text


def test_the_measured_speed_is_that_of_vanilla_whatever_is_chosen():
    study = plan.load(config_flag.find("study_wmt"))
    flops = {"none": 1e9, "sequence": 2e9, "cycle_rev": 2e9}

    def hours(*arms):
        costs = estimate.make_costs(
            Selection(study, arms=arms),
            lambda configs: [(1, flops[one.model.sharing]) for one in configs],
        )
        searches = [("vanilla", 1e9)]
        text = scale.describe(costs, [DEVICES], searches, 1000.0)
        lines = [line for line in text.splitlines() if line]
        return {line[:25].strip(): line.split()[-1] for line in lines}

    every, some = hours(), hours("shared", "tuned")
    for row in ("shared, a cell", "tuned, a cell", "search for vanilla"):
        assert some[row] == every[row]


def test_the_plan_of_wmt_has_each_arm_and_each_task_its_own_text():
    study = plan.load(config_flag.find("study_wmt"))
    assert len(study.tasks) == 8 and len(study.arms) == 12
    costs = estimate.make_costs(
        Selection(study), lambda configs: [(1, 2.0)] * len(configs)
    )
    assert sum(cost.cells for cost in costs) == len(study.cells())
    configs = [study.config(cell, {}) for cell in study.cells()[:2]]
    assert {one.data.train_split for one in configs} == {"train.de-en"}
    cell = next(one for one in study.cells() if one.task == "ru-en")
    assert study.config(cell, {}).data.test_split == "newstest2014.ru-en"
