"""What a folder of results holds, and which ones are refused."""

import json
import pathlib

import pytest

from shared_transformer_tf import errors
from shared_transformer_tf.study.report import result_set
from tests.study import synthetic_study


@pytest.fixture
def folder(tmp_path):
    cells = [
        synthetic_study.make_cell("de-en", "tuned", 1, num_sentences=9),
        synthetic_study.make_cell("en-de", "uses", 2, num_sentences=9),
        synthetic_study.make_cell("en-de", "shared", 1, num_sentences=9),
        synthetic_study.make_cell("en-de", "shared", 1, "learning_rate_x2"),
    ]
    searches = [synthetic_study.make_search("shared")]
    return synthetic_study.write(tmp_path, cells, searches)


def change(folder, name, **fields):
    path = pathlib.Path(folder, name)
    contents = json.loads(path.read_text()) | fields
    path.write_text(json.dumps(contents))


def test_cells_come_in_the_order_of_the_study(folder):
    results = result_set.load(folder)
    assert [result_set.name(cell) for cell in results.cells] == [
        "en-de.shared.1",
        "en-de.uses.2",
        "de-en.tuned.1",
        "en-de.shared.1.learning_rate_x2",
    ]
    assert results.study == synthetic_study.STUDY
    assert results.tasks == ["en-de", "de-en"]
    assert results.arms == ["shared", "tuned", "uses"]
    assert results.main_task == "en-de"
    assert list(results.searches) == ["shared"]
    assert len(results.of("en-de")) == 2
    assert len(results.variations("learning_rate")) == 1
    statistics = results.statistics()
    assert set(statistics) == {
        ("en-de", "shared", 1),
        ("en-de", "uses", 2),
        ("de-en", "tuned", 1),
    }
    assert statistics["en-de", "uses", 2].shape == (9, 10)


def test_seconds_are_compared_on_the_processor_that_most_arms_ran_on():
    cells = [
        synthetic_study.make_cell("en-de", arm, seed, num_sentences=9)
        for seed in (1, 2)
        for arm in ("vanilla", "shared")
    ]
    cells.append(synthetic_study.make_cell("en-de", "uses", 1))
    results = result_set.ResultSet(synthetic_study.STUDY, tuple(cells), {})
    assert len(results.timed("en-de", "vanilla")) == 2
    for cell in cells[2:]:
        cell["processor_kind"] = "AMD EPYC with avx2"
    assert results.timed("en-de", "vanilla") == [cells[2]]
    assert results.timed("en-de", "uses") == [cells[4]]
    cells[4]["processors"] = 2
    assert results.timed("en-de", "vanilla") == [cells[0]]
    assert results.timed("en-de", "uses") == []


@pytest.mark.parametrize(
    "fields, problem",
    [
        ({"format": 2}, "format is 2, expected 1"),
        ({"study": "other"}, "Results of two studies"),
        ({"study_fingerprint": "f"}, "Results of two studies"),
        ({"seed": 4}, r"name it en-de\.shared\.4\.json"),
        ({"seed": "1"}, "the field 'seed' is '1'"),
        ({"curve": None}, "the field 'curve' is None"),
        ({"curve": [{"update": 1}]}, r"curve\[0\].tokens is None"),
        ({"training_curve": [{}]}, r"training_curve\[0\].update is None"),
        ({"dev": {}}, "dev.bleu is None"),
        ({"fingerprints": None}, "fingerprints is None"),
        ({"gradients": [1]}, r"gradients\[0\] is 1"),
        (
            {"gradients": [{"update": 1, "tokens": 2, "weights": None}]},
            r"gradients\[0\].weights is None",
        ),
        ({"test": {"bleu": 99.0}}, "the file was changed"),
        ({"test": {}}, "test.bleu is None"),
        ({"sentence_statistics": {}}, "columns of sentence_statistics"),
    ],
)
def test_odd_files_are_refused_in_one_line(folder, fields, problem):
    change(folder, "en-de.shared.1.json", **fields)
    with pytest.raises(errors.InputError, match=problem) as raised:
        result_set.load(folder)
    assert "en-de.shared.1.json" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("what", ["text", "vocabulary"])
def test_scores_on_different_texts_are_not_compared(folder, what):
    added = synthetic_study.make_cell("en-de", "vanilla", 1, num_sentences=9)
    synthetic_study.write(folder, [added])
    for name in ("en-de.uses.2", "de-en.tuned.1"):  # alone in what they are
        change(folder, f"{name}.json", fingerprints={what: name})
    change(folder, "en-de.shared.1.json", fingerprints={what: "a"})
    result_set.load(folder)
    change(folder, "en-de.vanilla.1.json", fingerprints={what: "b"})
    with pytest.raises(errors.InputError, match=f"the same {what}") as raised:
        result_set.load(folder)
    for name in ("en-de.shared.1.json", "en-de.vanilla.1.json", "'a'", "'b'"):
        assert name in str(raised.value)


def test_searches_are_checked(folder):
    change(folder, "search.shared.json", trials=None)
    with pytest.raises(errors.InputError, match="'trials' is None"):
        result_set.load(folder)
    change(folder, "search.shared.json", trials=[], study="other")
    with pytest.raises(errors.InputError, match="Results of two studies"):
        result_set.load(folder)


@pytest.mark.parametrize("text", ["", '{"format": 1', "[]", "\x00", "null"])
def test_damaged_files_are_refused_in_one_line(folder, text):
    pathlib.Path(folder, "en-de.uses.2.json").write_text(text)
    with pytest.raises(errors.InputError, match=r"en-de\.uses\.2\.json"):
        result_set.load(folder)


def test_rows_of_a_damaged_file_are_refused(folder):
    path = pathlib.Path(folder, "en-de.shared.1.json")
    statistics = json.loads(path.read_text())["sentence_statistics"]
    statistics["rows"][3] = [1, 2]
    change(folder, path.name, sentence_statistics=statistics)
    with pytest.raises(errors.InputError, match="rows of 10 whole numbers"):
        result_set.load(folder)


def test_a_folder_without_results_is_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(errors.InputError, match="no results of a study"):
            result_set.load(str(folder))
