"""The load run counts what is right and what is not."""

import pytest

from shared_transformer_tf import errors
from shared_transformer_tf.benchmark import offline_answers, serving
from shared_transformer_tf.serving import servable, version_folder
from tests.serving import toy

LINES = [f"line {i}" for i in range(40)]
DEFAULT = offline_answers.Variant("serving_default")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    names = ("serving_default", "nbest", "options")
    toy.write(folder / "1", names=names)
    return str(folder)


@pytest.fixture(scope="module")
def answers(model):
    offline = servable.Servable(version_folder.find(model)[0])
    yield offline_answers.OfflineAnswers(offline, serving._texts(LINES))
    offline.close()


def test_texts_are_short_long_and_blank(answers):
    assert {b"", b" \t", b"line 0"} <= set(answers.texts)
    assert any(len(text) > 50 for text in answers.texts)
    with pytest.raises(errors.InputError, match="no line of text"):
        serving._texts(["", "  "])


@pytest.mark.parametrize(
    ("came", "verdict"),
    [
        ("LINE 1|1", "right"),
        ("LINE 2|1", "swapped"),
        ("LINE 1", "wrong"),
        ("", "swapped"),
    ],
)
def test_answers_are_judged(answers, came, verdict):
    row = {"translation": came}
    assert answers.judge(DEFAULT, b"line 1", row) == verdict


def test_scores_are_compared_and_ties_told_apart(answers):
    options = next(x for x in answers.variants if x.signature == "options")
    (row,) = [answers._rows[options, b"line 1"]]
    assert answers.judge(options, b"line 1", row) == "right"
    near = row | {"score": row["score"] + 5e-5}
    assert answers.judge(options, b"line 1", near) == "right"
    far = row | {"score": row["score"] + 1e-3}
    assert answers.judge(options, b"line 1", far) == "wrong"
    other = row | {"translation": "as good"}
    assert answers.judge(options, b"line 1", other) == "tie"
    other["score"] += 1e-3
    assert answers.judge(options, b"line 1", other) == "wrong"


def test_a_short_load_is_all_right(model, monkeypatch):
    monkeypatch.setattr(serving, "_TURNS", 1)
    monkeypatch.setattr(serving, "_TURN_SECONDS", 0.3)
    results = serving.load(model, LINES, minutes=0.03, clients=4)
    rows = results["mixed"]["rows"]
    assert rows.pop("right") > 10
    assert rows == {"tie": 0, "wrong": 0, "swapped": 0, "lost": 0}
    assert results["mixed"]["resident_megabytes"]["end"] > 100
    assert results["throughput"]["ratio"] > 0
    assert results["exit_code"] == 0


def test_a_server_that_does_not_start_is_told(tmp_path):
    toy.write(tmp_path / "1", names=("serving_default",))
    with pytest.raises(errors.InputError, match="does not start"):
        serving._Server(f"{tmp_path}/1", tmp_path)
