"""Which cells are asked for, and which of them are done."""

import dataclasses
import json
import shlex

import pytest

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study import plan
from shared_transformer_tf.study.selection import Selection
from tests.study import numbers_study
from tests.study.made_results import write_result

FOUND = {"vanilla": {"training.learning_rate": 0.02}}


@pytest.fixture(name="study")
def fixture_study(tmp_path):
    return plan.load(numbers_study.write(tmp_path))


def names(cells):
    return [cell.name for cell in cells]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"tasks": ["en-xx"]}, "no task 'en-xx'. Choose from en-de."),
        ({"arms": ["sharde"]}, "no arm 'sharde'. Choose from vanilla, shared"),
        ({"seeds": [7]}, "no seed '7'. Choose from 1."),
        ({"variations": ["x2"]}, "no variation 'x2'. Choose from learning_"),
        ({"arms": ["shared"], "variations": ["learning_rate_x2"]}, "no cell"),
    ],
)
def test_what_there_is_not_is_refused(asked, message, study):
    with pytest.raises(InputError, match=message):
        Selection(study, **asked).check()


def test_cells_wait_for_their_search(study, tmp_path):
    state = Selection(study).state(str(tmp_path), {})
    assert {c.name: arm for c, arm in state.waiting.items()} == {
        "en-de.tuned.1": "vanilla"
    }
    assert len(state.ready) == 4
    assert Selection(study).state(str(tmp_path), FOUND).waiting == {}


def test_what_is_done_is_not_ready_and_sweeps_go_on(study, tmp_path):
    cells = Selection(study).state(str(tmp_path), FOUND).ready
    for cell in cells:
        write_result(tmp_path, study, cell, FOUND, bleu=cell.rate_factor)
    state = Selection(study).state(str(tmp_path), FOUND)
    assert len(state.done) == 5
    assert names(state.ready) == ["en-de.vanilla.1.learning_rate_x4"]
    plain = Selection(study, variations=["none"])
    assert plain.state(str(tmp_path), FOUND).ready == []


def test_an_extension_can_be_asked_for_by_its_name(study, tmp_path):
    chosen = Selection(study, variations=["learning_rate_x4"])
    chosen.check()
    state = chosen.state(str(tmp_path / "none"), {})
    assert names(state.ready) == ["en-de.vanilla.1.learning_rate_x4"]


def test_an_extension_of_another_config_is_refused(study, tmp_path):
    """Also where the sweep does not come to it any more."""
    name = "en-de.vanilla.1.learning_rate_x4"
    cells = Selection(study).state(str(tmp_path), FOUND).ready
    cells += [cell for cell in study.beyond() if cell.name == name]
    for cell in cells:  # the best is between the ends
        bleu = 30.0 - abs(cell.rate_factor - 1)
        write_result(tmp_path, study, cell, FOUND, bleu=bleu)
    state = Selection(study).state(str(tmp_path), FOUND)
    assert name in names(state.done)
    file = tmp_path / f"{name}.json"
    result = json.loads(file.read_text())
    result["config"]["training"]["learning_rate"] *= 2
    file.write_text(json.dumps(result))
    with pytest.raises(InputError, match="x4.json was trained with training"):
        Selection(study).state(str(tmp_path), FOUND)


def test_the_command_of_a_cell_can_be_pasted(study):
    named = dataclasses.replace(study, flag="my studies/numbers_study.py")
    command = Selection(named).command(named.cells()[0])
    assert f"--config={named.flag}" in shlex.split(command)


def test_the_command_of_a_searched_cell_names_other_searches(study):
    for cell in study.cells():
        told = "--searches=SEARCHES" in Selection(study).command(cell, True)
        assert told == (cell.arm == "tuned")
        assert "--searches" not in Selection(study).command(cell)


def test_the_command_of_a_cell_names_it_alone(study, tmp_path):
    for cell in Selection(study).state(str(tmp_path), FOUND).ready:
        words = Selection(study).command(cell).split()
        asked = dict(word[2:].split("=") for word in words[2:])
        again = Selection(
            study,
            [asked["tasks"]],
            [asked["arms"]],
            [int(asked["seeds"])],
            [asked["variations"]],
        )
        again.check()
        assert again.state(str(tmp_path), FOUND).ready == [cell]
