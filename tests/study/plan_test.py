"""A study: which cells there are, with which config, and what is refused."""

import copy
import dataclasses

import pytest

from shared_transformer_tf.cli import config_flag
from shared_transformer_tf.config import Config
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study import plan
from shared_transformer_tf.study.cells import Cell, CellGroup
from tests.study import numbers_study

TASKS = "en-de de-en en-fr fr-en en-cs cs-en de-fr fr-de".split()
FOUND = {
    "vanilla": {"training.learning_rate": 0.02, "data.batch_tokens": 512},
    "shared": {"training.learning_rate": 0.03, "model.dropout": 0.2},
}


@pytest.fixture(scope="module")
def study():
    return plan.load(config_flag.find("study_multi30k"))


def test_multi30k_has_the_cells_that_were_asked_for(study):
    cells = set(study.cells())
    main = "vanilla shared tuned shared_tuned compact".split()
    for task in TASKS:
        for arm in main:
            assert Cell(task, arm, 1) in cells
        for arm in ("vanilla", "shared"):
            for by in (0.5, 1.0, 2.0):
                assert Cell(task, arm, 1, by) in cells
    for arm in study.arms:
        for seed in (1, 2, 3):
            assert Cell("en-de", arm, seed) in cells
        for by in (0.5, 2.0):
            assert Cell("en-de", arm, 1, by) in cells
    assert len(study.arms) == 12
    assert len(cells) == len(study.cells()) == 123
    assert study.margin == 0.3
    assert study.search_trials >= 30
    assert study.search_tokens == study.base.training.max_tokens


def test_every_cell_has_the_same_budget_order_and_vocabulary(study):
    base = study.base
    for cell in study.cells():
        config = study.config(cell, FOUND)
        assert config.tokenizer == base.tokenizer
        assert config.training.seed == cell.seed
        for name in ("max_tokens", "evaluate_every_tokens", "precision"):
            assert getattr(config.training, name) == getattr(
                base.training, name
            )
        assert config.data.num_buckets == base.data.num_buckets
        assert f"{config.data.source_language}-" in cell.name


def test_commands_name_a_study_as_it_was_named(tmp_path):
    path = numbers_study.write(tmp_path)
    assert plan.load(path).flag == plan.load(path).name
    assert plan.load(path, "studies/mine.py").flag == "studies/mine.py"
    assert plan.load(path, path).flag == "numbers_study.py"


def test_a_search_on_another_config_than_the_base_is_refused(tmp_path):
    same = numbers_study.STUDY.replace("get_study():", "get_config():", 1)
    same = same.replace(
        "    return Study(",
        "    return base\n\n\n"
        + ("def get_study():\n    base = get_config()\n    return Study("),
    )
    assert plan.load(numbers_study.write(tmp_path, same)).searches
    other = same.replace(
        "base = get_config()",
        ("base = get_config()\n    base.model.num_layers = 4"),
    )
    with pytest.raises(InputError, match="another config than the base"):
        plan.load(numbers_study.write(tmp_path, other))


def test_found_settings_go_where_they_belong(study):
    for arm, rate, size in (
        ("vanilla", 5e-3, 1024),
        ("tuned", 0.02, 512),
        ("shared_tuned", 0.03, 1024),
        ("compact", 0.03, 1024),
        ("shared", 5e-3, 1024),
    ):
        config = study.config(Cell("en-de", arm, 1), FOUND)
        assert config.training.learning_rate == rate
        assert config.data.batch_tokens == size
        half = study.config(Cell("en-de", arm, 1, 0.5), FOUND)
        assert half.training.learning_rate == rate / 2


def test_without_a_search_there_is_no_config(study):
    assert study.config(Cell("en-de", "compact", 1), {}) is None
    assert study.settings(Cell("en-de", "tuned", 1), {"shared": {}}) is None
    assert study.config(Cell("en-de", "deep", 1), {}) is not None


def test_settings_are_what_a_cell_sets_apart(study):
    settings = study.settings(Cell("en-de", "shared", 2, 2.0), {})
    assert settings == {
        "model.num_layers": 4,
        "model.num_blocks": 2,
        "model.sharing": "sequence",
        "training.learning_rate": 0.01,
    }


def test_the_fingerprint_is_that_of_the_base(study):
    def other(**changes):
        return dataclasses.replace(study, **changes).fingerprint

    moved = study.config(Cell("en-de", "vanilla", 1), {})
    moved.data.directory, moved.tokenizer.source_model = "/else", "/a.model"
    assert other(base=moved) == study.fingerprint
    assert other(groups=study.groups[:1]) == study.fingerprint
    moved.model.dropout = 0.3
    assert other(base=moved) != study.fingerprint
    assert other(name="other") != study.fingerprint
    assert other(margin=0.5) != study.fingerprint
    task = study.tasks[0]
    of_task = {task: {"data.directory": "elsewhere"}}
    assert other(task_settings=of_task) == study.fingerprint
    of_task[task]["data.train_split"] = "half"
    assert other(task_settings=of_task) != study.fingerprint


def test_a_field_that_is_new_in_a_later_version_is_no_other_study(
    study, monkeypatch
):
    plain = Config.to_dict

    def later(config):
        values = plain(config)
        values["training"]["a_later_field"] = 0
        return values

    before = study.fingerprint
    monkeypatch.setattr(Config, "to_dict", later)
    assert study.fingerprint == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('"tuned"', "'tunde'"),
        ('"en-de"', "'en-en' is no task"),
        ("max_steps=0", "max_steps=5"),
        ("max_tokens=600", "max_tokens=0"),
        ("learning_rate=1e-2", "learning_rate is -1"),
        ('name="numbers_study"', "expected a Study with the file's name"),
        ("def get_study", "has no function get_study"),
        ("base=base,", "fails with TypeError"),
    ],
)
def test_a_wrong_study_is_refused(change, message, tmp_path):
    replaced = {
        '"tuned"': '"tunde"',
        '"en-de"': '"en-en"',
        "max_steps=0": "max_steps=5",
        "max_tokens=600": "max_tokens=0, max_steps=1",
        "learning_rate=1e-2": "learning_rate=-1.0",
        'name="numbers_study"': 'name="another"',
        "def get_study": "def study",
        "base=base,": "",
    }[change]
    text = numbers_study.STUDY.replace(change, replaced)
    if change.startswith("max_tokens"):
        text = text.replace("max_steps=0, ", "")
    with pytest.raises(InputError, match=message) as error:
        plan.load(numbers_study.write(tmp_path, text))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("model", "sharing", "universal"),
        ("decoder", "num_layers", 2),
        ("decoder", "sharing", "none"),
    ],
)
def test_a_base_that_arms_would_not_reach_is_refused(
    section, field, value, study
):
    base = copy.deepcopy(study.base)
    setattr(getattr(base, section), field, value)
    with pytest.raises(InputError, match=f"{section}.{field}={value!r}"):
        dataclasses.replace(study, base=base).check()


def test_a_task_may_set_its_text_but_not_what_arms_and_searches_do(study):
    of_task = {"en-de": {"data.batch_tokens": 256, "data.train_split": "half"}}
    changed = dataclasses.replace(study, task_settings=of_task)
    changed.check()
    config = changed.config(Cell("en-de", "tuned", 1), FOUND)
    assert (config.data.batch_tokens, config.data.train_split) == (512, "half")
    of_task["en-de"]["training.learning_rate"] = 1e-3
    with pytest.raises(InputError, match="sets training.learning_rate for en"):
        dataclasses.replace(study, task_settings=of_task).check()


def test_no_cells(study):
    with pytest.raises(InputError, match="no cells"):
        dataclasses.replace(study, groups=()).check()
    with pytest.raises(InputError, match="no cells"):
        dataclasses.replace(study, groups=(CellGroup((), ()),)).check()
