"""The README's block is replaced, and nothing else."""

import re

import pytest

from shared_transformer_tf import errors
from shared_transformer_tf.study.report import readme_block, report
from tests.study import synthetic_study
from tests.study.synthetic_study import make_cell

pytestmark = pytest.mark.usefixtures("empty_pictures")


def write(tmp_path, readme):
    cells = [
        make_cell(task, arm, 1, num_sentences=20)
        for task in ("en-de", "de-en")
        for arm in ("vanilla", "shared", "tuned")
    ]
    results = synthetic_study.write(tmp_path / "results", cells)
    report.write(results, str(tmp_path / "report"), str(readme))


def test_the_readme_gets_table_and_pictures_between_its_marks(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"# A\n{readme_block.BEGIN}\n{readme_block.END}\nB\n")
    write(tmp_path, readme)
    once = readme.read_text()
    assert once.startswith(f"# A\n{readme_block.BEGIN}\n* `tuned` minus")
    assert once.endswith(f"{readme_block.END}\nB\n")
    assert "| en-de |" in once and "| **mean** |" in once
    links = re.findall(r"!\[[^]]+\]\(([\w./]+)\)", once)
    assert links == ["report/verdicts.png", "report/complexity.png"]
    assert all((tmp_path / link).exists() for link in links)
    assert "(report/report.html)" in once
    report.write(
        str(tmp_path / "results"), str(tmp_path / "report"), str(readme)
    )
    assert readme.read_text() == once


@pytest.mark.parametrize(
    "text",
    [
        "",
        readme_block.BEGIN,
        readme_block.END + readme_block.BEGIN,
        (readme_block.BEGIN + readme_block.END) * 2,
    ],
)
def test_a_readme_without_marks_stops_before_anything_is_written(
    tmp_path, text
):
    readme = tmp_path / "README.md"
    readme.write_text(text)
    with pytest.raises(errors.InputError, match="needs one line"):
        write(tmp_path, readme)
    assert readme.read_text() == text
    assert not (tmp_path / "report").exists()
    with pytest.raises(errors.InputError, match="There is no README"):
        write(tmp_path, tmp_path / "absent")
