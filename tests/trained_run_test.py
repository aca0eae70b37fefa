"""Runs load for inference, with the weights that were asked for."""

import os

import numpy as np
import pytest

from shared_transformer_tf import trained_run
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.training import checkpoints


def test_load_chooses_average_best_last_or_a_name(trained):
    run = trained_run.load_run(str(trained))
    assert run.checkpoint_name.count("step_") == 2
    last = trained_run.load_run(str(trained), "last")
    assert last.checkpoint_name == "step_0000012"
    assert trained_run.load_run(
        str(trained), "step_0000006"
    ).checkpoint_name == ("step_0000006")
    with pytest.raises(InputError, match="average, best"):
        trained_run.load_run(str(trained), "step_7")
    assert len(run.translator()(["one", "", "two"])) == 3
    assert run.model.dtype_policy.name == "float32"


@pytest.mark.parametrize("text", ["{", "[]", '{"model": {"heads": 1}}'])
def test_a_damaged_config_is_told(copy, text):
    with open(os.path.join(copy, "config.json"), "w") as file:
        file.write(text)
    with pytest.raises(InputError, match="config.json is damaged"):
        trained_run.load_run(copy)


def test_a_checkpoint_elsewhere_is_not_taken_for_one_here(copy):
    with pytest.raises(InputError, match="is not in"):
        trained_run.load_run(copy, "/elsewhere/checkpoints/step_0000012")


def test_weights_that_diverged_are_told(trained, monkeypatch):
    read = checkpoints.average_weights

    def broken(chosen):
        values = read(chosen)
        next(iter(values.values())).flat[0] = np.nan
        return values

    monkeypatch.setattr(checkpoints, "average_weights", broken)
    with pytest.raises(InputError, match="of step_0000012 in .* not finite"):
        trained_run.load_run(str(trained), "last")


def test_folders_without_a_run(tmp_path):
    with pytest.raises(InputError, match="No run in"):
        trained_run.load_run(str(tmp_path))
    with pytest.raises(InputError, match="No run in"):
        trained_run.load_run(str(tmp_path / "absent"))


def test_dev_lines_to_check_an_export_with(trained):
    run = trained_run.load_run(str(trained))
    sources, targets = run.sample_pairs(5)
    assert len(sources) == len(targets) == 5
    run.config.data.corpus = "text"
    run.config.data.directory = str(trained / "absent")
    with pytest.raises(InputError, match="absent"):
        run.sample_pairs(5)
