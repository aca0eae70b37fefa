"""From where a training goes on, and what it says of what it passes over."""

import os
import shutil

import pytest

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.training import checkpoints, resume
from tests.training.checkpoints_test import make, save

STEPS = (1, 2, 3)


@pytest.fixture(name="folder")
def fixture_folder(tmp_path):
    model = make()
    for step in STEPS:
        save(tmp_path, model, step)
    return str(tmp_path)


def file(folder, step, name):
    return os.path.join(folder, f"step_{step:07d}", name)


def damage(folder, step, name, how):
    if how == "missing":
        os.remove(file(folder, step, name))
    else:
        os.truncate(file(folder, step, name), 20)


FILES = (checkpoints.MANIFEST, checkpoints.STATE, checkpoints.WEIGHTS)


@pytest.mark.parametrize("how", ["missing", "cut"])
@pytest.mark.parametrize("name", FILES)
def test_the_newest_sound_one_is_taken_and_others_get_a_line(
    folder, name, how, caplog
):
    assert resume.newest_sound(folder).step == 3
    damage(folder, 3, name, how)
    with caplog.at_level("WARNING", logger="absl"):
        assert resume.newest_sound(folder).step == 2
    (line,) = [r.getMessage() for r in caplog.records]
    assert line.startswith("Passed over: ") and "step_0000003" in line
    assert "delete" not in line and "take another" not in line


@pytest.mark.parametrize("how", ["missing", "cut"])
@pytest.mark.parametrize("name", FILES)
def test_damage_to_all_is_refused_and_not_taken_for_a_beginning(
    folder, name, how
):
    for step in STEPS:
        damage(folder, step, name, how)
    assert resume.look_for_sound(folder) is None
    with pytest.raises(InputError, match="Every checkpoint in"):
        resume.newest_sound(folder)


def test_no_checkpoint_is_a_beginning(tmp_path):
    assert resume.newest_sound(str(tmp_path / "none")) is None
    assert resume.newest_sound(str(tmp_path)) is None


def test_what_another_training_wrote_meanwhile_is_told(folder):
    newest = resume.newest_sound(folder)
    resume.check_newest(newest, folder)
    save(folder, make(), STEPS[-1] + 1)
    with pytest.raises(InputError, match="wrote step_0000004"):
        resume.check_newest(newest, folder)
    with pytest.raises(InputError, match="Another training"):
        resume.check_newest(None, folder)
    shutil.rmtree(folder)
    with pytest.raises(InputError, match="has gone or is damaged"):
        resume.check_newest(newest, folder)
