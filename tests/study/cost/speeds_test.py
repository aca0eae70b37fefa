"""Sizes and speeds: measured once, and the same for models that are alike."""

import pytest

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.models import complexity
from shared_transformer_tf.models.transformer import SharedTransformer
from shared_transformer_tf.study import plan
from shared_transformer_tf.study.cells import Cell
from shared_transformer_tf.study.cost import speeds, survey
from shared_transformer_tf.study.run.cell_process import StudyFolder
from tests.study import numbers_study


@pytest.fixture(name="study")
def fixture_study(tmp_path):
    return plan.load(numbers_study.write(tmp_path))


@pytest.fixture(name="configs")
def fixture_configs(study):
    named = [
        study.config(Cell("en-de", arm, 1), {})
        for arm in study.arms
        if arm != "tuned"
    ]
    slower = study.config(Cell("en-de", "vanilla", 1), {})
    slower.training.learning_rate = 1.0
    return [*named, slower]


@pytest.fixture(name="asked")
def fixture_asked(monkeypatch):
    requests = []

    def ask(request, processor):
        requests.append(request)
        return [
            {"weights": 1, "flops_per_token": 2.0}
            | ({"tokens_per_second": 3.0} if n in request["timed"] else {})
            for n in range(len(request["configs"]))
        ]

    monkeypatch.setattr(speeds, "_ask", ask)
    return requests


def test_what_was_measured_is_kept(configs, asked, tmp_path):
    folder = StudyFolder(str(tmp_path / "work"))
    unknown = [None] * 3
    found = speeds.survey(configs, unknown, folder, 0, 18)
    assert found == [speeds.Speed(1, 2.0, 3.0)] * 3
    (request,) = asked
    # the learning rate changes neither size nor speed
    assert len(request["timed"]) == 2
    assert speeds.survey(configs, unknown, folder, 0, 18) == found
    assert len(asked) == 1
    with open(folder.throughput, "w", encoding="utf-8") as stream:
        stream.write("{")
    with pytest.raises(InputError, match="throughput.json is damaged"):
        speeds.survey(configs, unknown, folder, 0, 18)


def test_what_results_tell_is_not_timed(configs, asked, tmp_path):
    folder = StudyFolder(str(tmp_path / "work"))
    found = speeds.survey(configs, [7.0, None, 8.0], folder, 0, 18)
    assert [one.tokens_per_second for one in found] == [7.0, 3.0, 8.0]
    (request,) = asked
    timed = [request["configs"][number] for number in request["timed"]]
    assert timed == [configs[1].to_dict()]
    assert len(request["configs"]) == 3  # of the first, text may be read


def test_missing_text_is_told_before_anything_is_built(
    configs, asked, tmp_path
):
    configs[0].data.corpus = "text"
    configs[0].data.directory = str(tmp_path)
    folder = StudyFolder(str(tmp_path / "work"))
    with pytest.raises(InputError, match="There is no train text"):
        speeds.survey(configs, [None] * 3, folder, 0, 18)
    assert not asked
    speeds.survey(configs, [7.0] * 3, folder, 0, 18)  # sizes need no text
    assert len(asked) == 1


def test_no_vocabulary_is_left_for_the_cells(configs, tmp_path, monkeypatch):
    # the first config asked for may be of any task, or be changed before
    # anything is trained
    monkeypatch.setattr(speeds, "_SECONDS", 0.01)
    monkeypatch.setattr(
        speeds, "_ask", lambda request, _: list(survey.survey(request))
    )
    folder = StudyFolder(str(tmp_path / "work"))
    speeds.survey(configs[:1], [None], folder, 0, 9)
    left = [path.name for path in (tmp_path / "work").rglob("*")]
    assert left == ["throughput.json"]


def test_the_survey_tells_size_and_speed(configs):
    request = {
        "configs": [one.to_dict() for one in configs[:2]],
        "timed": [0],
        "sentence_tokens": 9,
        "seconds": 0.1,
    }
    first, second = survey.survey(request)
    assert first["tokens_per_second"] > 0
    assert "tokens_per_second" not in second
    for config, found in zip(configs, (first, second), strict=False):
        model = SharedTransformer(120, **vars(config.model))
        counted = complexity.complexity(model, 9, 9)
        assert found["weights"] == sum(counted.weights.values())
        assert found["flops_per_token"] == counted.training_flops / 9
