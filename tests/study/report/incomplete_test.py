"""A report of a study that is not complete says of what it is."""

import re

import pytest

from shared_transformer_tf import errors
from shared_transformer_tf.study.report import result_set
from tests.study.small_report import NUM_SENTENCES, small_cells, write
from tests.study.synthetic_study import make_cell

pytestmark = pytest.mark.usefixtures("empty_pictures")


def test_tasks_that_some_arms_lack_are_not_in_the_mean(tmp_path):
    cells = small_cells()
    cells.append(make_cell("fr-de", "vanilla", 1, num_sentences=NUM_SENTENCES))
    text, _ = write(tmp_path, cells)
    line = next(x for x in text.splitlines() if x.startswith("| **mean of 2"))
    means = re.findall(r"\*\*(\d+\.\d)\*\*", line)
    assert len(means) == 3  # vanilla, shared, tuned
    of = {
        task: [
            c["test"]["bleu"]
            for c in cells
            if (c["task"], c["arm"], c["variation"]) == (task, "vanilla", "")
        ]
        for task in ("en-de", "de-en")
    }
    expected = (sum(of["en-de"]) / 2 + of["de-en"][0]) / 2
    assert float(means[0]) == pytest.approx(expected, abs=0.051)


def test_a_task_with_sweeps_alone_is_in_the_sweeps(tmp_path):
    cells = small_cells()
    for factor in ("0.5", "2"):
        cells.append(
            make_cell("fr-de", "shared", 1, f"learning_rate_x{factor}")
        )
    text, _ = write(tmp_path, cells)
    assert "| fr-de | `shared` |" in text.split("## Learning rates")[1]
    assert "over 2 tasks and 4 arms" in text
    only = [cell for cell in cells if cell["variation"]]
    with pytest.raises(errors.InputError, match="no scores but those of swee"):
        write(tmp_path / "only", only)


def test_what_diverged_is_a_result_without_scores(tmp_path):
    cells = small_cells()
    names = ("de-en.tuned.1", "en-de.shared.1.learning_rate_x2")
    for cell in cells:
        if result_set.name(cell) in names:
            for scores in ("dev", "test", "curve", "sentence_statistics"):
                cell.pop(scores, None)
            cell["diverged"] = "Update 7 was not applied."
    text, _ = write(tmp_path, cells)
    findings = text.split("## Findings")[1].split("## ")[0]
    assert f"Diverged, and so without any score: `{names[1]}`" not in findings
    assert f"score: `{names[0]}`, `{names[1]}`. What is compared" in findings
    row = next(x for x in text.splitlines() if x.startswith("| de-en |"))
    assert "| diverged |" in row
    swept = text.split("## Learning rates")[1].split("## ")[0]
    assert "0.006: diverged" in swept
