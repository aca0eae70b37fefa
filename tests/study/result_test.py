"""Results of cells: written, read, and never mixed with another study's."""

import dataclasses
import json

import pytest

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study import plan
from shared_transformer_tf.study.cells import Cell
from shared_transformer_tf.study.result import ResultFolder
from tests.study import numbers_study
from tests.study.made_results import make_result

CELL = Cell("en-de", "vanilla", 1)


@pytest.fixture(name="study")
def fixture_study(tmp_path):
    return plan.load(numbers_study.write(tmp_path))


@pytest.fixture(name="folder")
def fixture_folder(tmp_path, study):
    return ResultFolder(str(tmp_path / "results"), study)


def test_round_trip(folder, study):
    assert folder.read(CELL, None) is None
    made = make_result(study, CELL, {})
    folder.write(CELL, made)
    assert folder.read(CELL, study.config(CELL, {})) == made
    with open(folder.file(CELL), encoding="utf-8") as stream:
        assert len(stream.read().splitlines()) == len(made) + 2


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("format", 2, "its format is 2, expected 1"),
        ("study", "other", "another study: its study is 'other'"),
        ("study_fingerprint", "f00", "another study: its study_finger"),
    ],
)
def test_another_study_is_refused(name, value, problem, folder, study):
    folder.write(CELL, make_result(study, CELL, {}, **{name: value}))
    with pytest.raises(InputError, match=f"vanilla.1.json is .*{problem}"):
        folder.read(CELL, None)
    # under a name that this study has not
    strange = dataclasses.replace(CELL, arm="strange")
    folder.write(strange, make_result(study, CELL, {}, **{name: value}))
    with pytest.raises(InputError, match=f"strange.1.json is .*{problem}"):
        folder.read_all({Cell("en-de", "shared", 1): None})


def test_a_cell_that_was_trained_otherwise_is_told(folder, study):
    folder.write(CELL, make_result(study, CELL, {}))
    config = study.config(CELL, {})
    config.training.learning_rate = 7.0
    with pytest.raises(InputError, match="learning_rate=0.01, but .* 7.0"):
        folder.read(CELL, config)
    config.training.learning_rate = 0.01
    config.data.directory = "/else"  # where files lie is no difference
    assert folder.read(CELL, config)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"config": 3}'])
def test_a_damaged_result_is_told(text, folder, study):
    folder.write(CELL, make_result(study, CELL, {}))
    with open(folder.file(CELL), "w", encoding="utf-8") as stream:
        stream.write(text)
    with pytest.raises(InputError, match="vanilla.1.json is (no|damaged)"):
        folder.read(CELL, None)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("dev", None, "field 'dev' is None"),
        ("test", {"bleu": 30.0}, "test.bleu is 30.0, but .* give 100.0"),
        ("arm", "tuned", "name it en-de.tuned.1.json"),
    ],
)
def test_a_result_that_was_changed_is_told(
    field, value, message, folder, study
):
    folder.write(CELL, make_result(study, CELL, {}, **{field: value}))
    with pytest.raises(InputError, match=message):
        folder.read(CELL, None)


def test_a_config_of_an_earlier_version_reads_as_the_same(folder, study):
    made = json.loads(json.dumps(make_result(study, CELL, {})))
    del made["config"]["training"]["max_gradient_norm"]
    folder.write(CELL, made)
    assert folder.read(CELL, study.config(CELL, {}))
