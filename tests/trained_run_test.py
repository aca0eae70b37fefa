"""Runs load for inference, with the weights that were asked for."""

import os

import numpy as np
import pytest

from shared_transformer_tf import trained_run
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.training import checkpoints, weights


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


@pytest.mark.parametrize("choice", ["average", "best", "last", "step_0000006"])
def test_the_weights_are_those_of_the_checkpoints(trained, choice):
    run = trained_run.load_run(str(trained), choice)
    found = checkpoints.list_checkpoints(str(trained / "checkpoints"))
    scored = [one for one in found if one.scores]
    assert len(scored) == 2 and len(found) > 2
    ranks = [checkpoints.rank(one.scores, "bleu") for one in scored]
    chosen = {
        "average": scored,
        "best": [scored[ranks.index(max(ranks))]],
        "last": found[-1:],
        "step_0000006": found[:1],
    }[choice]
    arrays = [checkpoints.read_weights(one) for one in chosen]
    variables = weights.weight_variables(run.model)
    assert arrays[0].keys() == variables.keys()
    for name, variable in variables.items():
        expected = np.mean([one[name] for one in arrays], axis=0)
        np.testing.assert_allclose(variable, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "text", ["{", b"\xff", "[]", '{"model": {"heads": 1}}']
)
def test_a_damaged_config_is_told(copy, text):
    with open(os.path.join(copy, "config.json"), "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
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
