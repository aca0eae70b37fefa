"""What a study is said to cost."""

import dataclasses

import pytest

from shared_transformer_tf import cpu
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study import found_settings, plan
from shared_transformer_tf.study.cost import estimate
from shared_transformer_tf.study.cost.speeds import Speed
from shared_transformer_tf.study.selection import Selection
from tests.study import numbers_study
from tests.study.made_results import write_result

FOUND = {"vanilla": {"data.batch_tokens": 128}}


@pytest.fixture(name="study")
def fixture_study(tmp_path):
    return plan.load(numbers_study.write(tmp_path))


def survey(configs, paces):
    return [
        Speed(1000, 2e6, pace or 10.0 / config.model.num_layers)
        for config, pace in zip(configs, paces, strict=True)
    ]


def rows(study, folder, found=(), arms=()):
    selection = Selection(study, arms=arms)
    state = selection.state(str(folder), dict(found))
    return estimate.make_rows(selection, state, dict(found), survey), state


def test_each_arm_has_its_cells_and_its_config(study, tmp_path):
    made, _ = rows(study, tmp_path)
    assert {row.name: len(row.cells) for row in made} == {
        "vanilla": 3, "shared": 1, "tuned": 1,
    }  # fmt: skip
    assert made[1].config.model.num_layers == 4
    # it waits for its search, and is taken to be as the standard is
    assert made[2].config.data.batch_tokens == 256
    made, _ = rows(study, tmp_path, FOUND)
    assert made[2].config.data.batch_tokens == 128


def test_speeds_are_those_of_results_where_there_are_some(study, tmp_path):
    made, state = rows(study, tmp_path)
    # of another kind of processor, and of one that was not told
    for cell, kind in zip(
        state.ready, ({"processor_kind": "other"}, {}), strict=False
    ):
        write_result(tmp_path, study, cell, seconds_per_token=9.0, **kind)
    made, state = rows(study, tmp_path)
    assert len(state.done) == 2
    assert [row.measured for row in made] == [False, False, False]
    kind = cpu.describe()
    write_result(
        *(tmp_path, study, next(iter(state.done))),
        seconds_per_token=0.5,
        processor_kind=kind,
    )
    made, _ = rows(study, tmp_path)
    assert [row.measured for row in made] == [True, False, False]
    assert made[0].speed.tokens_per_second == pytest.approx(2.0)


def test_one_slow_result_does_not_make_the_rest_slow(study, tmp_path):
    _, state = rows(study, tmp_path)
    kind = cpu.describe()
    vanilla = [cell for cell in state.ready if cell.arm == "vanilla"]
    for cell, pace in zip(vanilla, (0.5, 0.5, 8.0), strict=True):
        write_result(
            *(tmp_path, study, cell),
            seconds_per_token=pace,
            processor_kind=kind,
        )
    made, _ = rows(study, tmp_path)
    assert made[0].speed.tokens_per_second == pytest.approx(2.0)


def test_a_plan_of_no_planned_cell_is_refused(study):
    only_extensions = Selection(study, variations=["learning_rate_x4"])
    only_extensions.check()
    with pytest.raises(InputError, match="name other --variations"):
        estimate.make_costs(only_extensions, lambda configs: [])


def test_it_says_which_sweeps_may_grow(study, tmp_path):
    made, state = rows(study, tmp_path)
    text = estimate.describe(study, made, state, workers=2)
    assert text.endswith(
        "Sweeps on en-de whose best rate is at an edge get further cells."
    )
    group = dataclasses.replace(study.groups[1], extended=False)
    study = dataclasses.replace(study, groups=(study.groups[0], group))
    text = estimate.describe(study, made, state, workers=2)
    assert text.endswith("besides its updates.")


def test_hours_add_up(study, tmp_path):
    made, state = rows(study, tmp_path)
    text = estimate.describe(study, made, state, workers=2)
    overhead = study.overhead_seconds
    seconds = {2: 600 / 5 + overhead, 4: 600 / 2.5 + overhead}
    trials = study.search_trials * (study.search_tokens / 5 + overhead)
    cells = 4 * seconds[2] + seconds[4]
    assert f"{(cells + trials) / 2 / 3600:.1f} in all" in text
    assert f"{(cells + trials) / 2 / 3600:.1f} of what is left" in text
    made, state = rows(study, tmp_path, FOUND)
    text = estimate.describe(study, made, state, workers=2)
    assert f"{(cells + trials) / 2 / 3600:.1f} in all" in text
    assert f"{cells / 2 / 3600:.1f} of what is left" in text
    (line,) = [one for one in text.splitlines() if one.startswith("shared ")]
    assert line.split() == [
        "shared", "4", "2", "1,000", "2.00", "2", "timing", "1", "0", "0.1",
    ]  # fmt: skip


@pytest.mark.parametrize("found", [{}, FOUND])
def test_a_search_that_is_done_or_not_needed_is_no_more_to_do(
    study, tmp_path, found
):
    made, state = rows(study, tmp_path, found)
    text = estimate.describe(study, made, state, workers=2)
    assert "search for vanilla" in text
    assert ("trials  0.1, done" in text) == bool(found)
    made, state = rows(study, tmp_path, found, arms=["vanilla", "shared"])
    text = estimate.describe(study, made, state, workers=2)
    assert "search for" not in text


def test_a_search_without_a_result_is_not_done_though_its_cells_are(
    study, tmp_path
):
    (cell,) = rows(study, tmp_path)[1].waiting
    write_result(tmp_path, study, cell, FOUND)
    made, state = rows(study, tmp_path)
    assert cell in state.done
    text = estimate.describe(study, made, state, workers=2)
    assert "search for vanilla" in text and ", done" not in text


def test_a_search_costs_what_its_own_arm_does(tmp_path):
    text = numbers_study.STUDY.replace('"tuned")', '"compact")')
    study = plan.load(numbers_study.write(tmp_path, text))
    made, state = rows(study, tmp_path, arms=["compact"])
    text = estimate.describe(study, made, state, workers=2)
    trial = study.search_tokens / 2.5 + study.overhead_seconds  # 4 layers
    cell = 600 / 5 + study.overhead_seconds
    hours = (study.search_trials * trial + cell) / 3600
    assert f"{hours / 2:.1f} in all, {hours / 2:.1f} of what is left" in text
    (line,) = [one for one in text.splitlines() if one.startswith("en-de ")]
    assert line.split() == ["en-de", "0/1"]


def test_an_arm_without_cells_may_be_searched_for(tmp_path):
    text = numbers_study.STUDY
    text = text.replace('("vanilla", "shared", "tuned")', '("tuned",)')
    text = text.replace('("vanilla",)', '("tuned",)')
    study = plan.load(numbers_study.write(tmp_path, text))
    assert list(study.arms) == ["tuned"] and study.searches == ["vanilla"]
    assert study.search_base("vanilla") == study.base
    command = found_settings.command(study, "vanilla", "results")
    assert "--arm=vanilla" in command
    made, state = rows(study, tmp_path)
    assert [row.name for row in made] == ["tuned", "vanilla"]
    assert "search for vanilla" in estimate.describe(study, made, state, 1)


def test_cells_that_are_done_are_counted_by_task(study, tmp_path):
    _, state = rows(study, tmp_path)
    for cell in state.ready:
        write_result(tmp_path, study, cell)
    made, state = rows(study, tmp_path)
    text = estimate.describe(study, made, state, workers=2)
    (line,) = [one for one in text.splitlines() if one.startswith("en-de ")]
    assert line.split() == ["en-de", "3/3", "1/1", "0/1"]
