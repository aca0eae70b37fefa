"""The report says what the results say, and no more."""

import html.parser
import pathlib
import re

import pytest

from shared_transformer_tf import errors
from shared_transformer_tf.config import Config
from shared_transformer_tf.study.cells import CellGroup
from shared_transformer_tf.study.plan import Study
from shared_transformer_tf.study.report import page, report
from shared_transformer_tf.study.report.pictures import gallery, style
from tests.study import synthetic_study
from tests.study.small_report import NUM_SENTENCES, small_cells, write
from tests.study.synthetic_study import make_cell


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch):
    monkeypatch.setattr(style, "DOTS_PER_INCH", 20)


@pytest.fixture
def text_only(empty_pictures):
    """The report of a test without pictures."""


class Collector(html.parser.HTMLParser):
    """What a page would fetch or run, and whether tags are closed."""

    def __init__(self):
        super().__init__()
        self.open, self.fetched, self.scripts = [], [], 0

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "img", "br", "hr"):
            self.open.append(tag)
        self.scripts += tag == "script"
        self.fetched += [
            value
            for name, value in attributes
            if name in ("src", "srcset", "data") or tag == "link"
        ]
        assert not [name for name, _ in attributes if name.startswith("on")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_both_forms_say_the_same(tmp_path):
    searches = [synthetic_study.make_search("shared")]
    text, shown = write(tmp_path, small_cells(), searches)
    collector = Collector()
    collector.feed(shown)
    assert collector.open == []
    assert collector.scripts == 0
    assert all(
        source.startswith("data:image/png;base64,")
        for source in collector.fetched
    )
    pictures = re.findall(r"!\[[^]]+\]\(([\w.]+)\)", text)
    assert set(pictures) == {f"{name}.png" for name in gallery.PICTURES}
    assert len(collector.fetched) == len(pictures)
    for picture in pictures:
        assert (tmp_path / "report" / picture).stat().st_size > 0
    assert "url(" not in shown and "@import" not in shown
    for number in re.findall(r"\[[+−]\d+\.\d+, [+−]\d+\.\d+\]", text):
        assert number in shown
    assert "<details" in shown and "[TOC]" not in shown + text


def test_the_same_results_give_the_same_bytes(tmp_path, text_only):
    cells = [cell for cell in small_cells() if cell["arm"] == "shared"]
    folders = []
    for name in ("one", "two"):
        results = synthetic_study.write(tmp_path / name, cells)
        folder = report.write(
            results, str(tmp_path / f"{name}_out")
        ).page.parent
        folders.append({p.name: p.read_bytes() for p in folder.iterdir()})
    assert folders[0] == folders[1]


def test_a_single_cell_claims_nothing(tmp_path):
    text, _ = write(
        tmp_path,
        [make_cell("en-de", "vanilla", 1, num_sentences=NUM_SENTENCES)],
    )
    findings = text.split("## Findings")[1].split("## ")[0]
    assert findings.count("\n* ") == 1
    assert "Not answered yet" in findings
    assert "BLEU, 95% interval" not in text
    assert "No learning rate was swept" in text
    assert "No search is among the results" in text
    assert "No ablation was run" in text
    assert "`en-de.shared`" in text.split("## What was not run")[1]
    pictures = set(re.findall(r"\((\w+)\.png\)", text))
    assert not pictures & {"verdicts", "ablations", "learning_rates"}


@pytest.mark.parametrize("arm", ["tuned", "my_own"])
def test_any_arm_alone_gets_a_report(tmp_path, arm):
    cell = make_cell("de-fr", "unit", 1, num_sentences=NUM_SENTENCES)
    text, _ = write(tmp_path, [cell | {"arm": arm}])
    assert f"`{arm}`" in text
    assert "Not answered yet" in text


def test_cells_without_curves_and_gradients_get_a_report(tmp_path):
    bare = {"curve": [], "training_curve": [], "gradients": []}
    cells = [cell | bare for cell in small_cells()]
    text, _ = write(tmp_path, cells)
    assert "No learning curves are in the results" in text
    assert "No statistics per use of shared weights" in text
    assert "no statistics per use of `shared`" in text


def test_one_seed_is_said_to_be_one_seed(tmp_path, text_only):
    cells = [cell for cell in small_cells() if cell["seed"] == 1]
    text, _ = write(tmp_path, cells)
    assert (
        "One seed of each is compared: what another seed would change" in text
    )
    assert "±" not in text.split("## Protocol")[0]
    assert "One seed each in en-de, de-en." in text


def test_a_result_against_the_expectation_is_reported_as_it_came(
    tmp_path, monkeypatch, text_only
):
    monkeypatch.setitem(synthetic_study.QUALITY, "shared", 0.6)
    monkeypatch.setitem(synthetic_study.QUALITY, "tuned", 0.0)
    cells = [
        make_cell("en-de", arm, 1, num_sentences=200)
        for arm in ("vanilla", "shared", "tuned")
    ]
    text, _ = write(tmp_path, cells)
    findings = text.split("## Findings")[1].split("## ")[0]
    primary, gain, share, *_ = findings.strip().split("\n")
    assert "**worse**" in primary
    assert ": lower." in gain
    assert "**not defined**" in share


def make_study(arms, margin=0.3):
    config = Config()
    config.training.max_steps, config.training.max_tokens = 0, 3_000_000
    config.model.num_layers = 2
    return Study(
        synthetic_study.STUDY,
        config,
        (
            CellGroup(("en-de",), arms, seeds=(1, 2)),
            CellGroup(("de-en",), arms),
        ),
        margin,
    )


def test_what_the_study_has_and_was_not_run_is_listed(tmp_path, text_only):
    study = make_study(("vanilla", "shared", "tuned", "uses"))
    cells = small_cells()
    for cell in cells:
        cell["study_fingerprint"] = study.fingerprint
    text, _ = write(tmp_path, cells, study=study)
    assert "All 12 planned cells were run" in text
    assert "There are no results of searches for `vanilla`." in text
    study = make_study(("vanilla", "shared", "tuned", "uses", "deep"), 0.5)
    with pytest.raises(errors.InputError, match="not of synthetic"):
        write(tmp_path, cells, study=study)  # another margin was told before
    for cell in cells:
        cell["study_fingerprint"] = study.fingerprint
    text, _ = write(tmp_path, cells, study=study)
    assert "3 of 15 planned cells" in text.split("## Questions")[0]
    missing = "`en-de.deep.1`, `en-de.deep.2`, `de-en.deep.1`"
    assert missing in text.split("## What was not run")[1]
    assert "at the margin of 0.5" in text


def test_results_of_another_study_are_refused(tmp_path):
    with pytest.raises(errors.InputError, match="are of the study synthetic"):
        write(tmp_path, small_cells(), study=make_study(("vanilla",)))


def test_a_model_that_learned_nothing_is_said(tmp_path, text_only, monkeypatch):
    text, _ = write(tmp_path, small_cells())
    assert "Learned next to nothing" not in text
    monkeypatch.setitem(synthetic_study.QUALITY, "tuned", -9.0)
    text, _ = write(tmp_path, small_cells())
    line = text.split("**Learned next to nothing**")[1].split("\n")[0]
    assert "`en-de.tuned.1`" in line and "shared" not in line


def test_unequal_protocols_are_said(tmp_path, text_only):
    cells = small_cells()
    text, _ = write(tmp_path, cells)
    assert "Not equal" not in text and "Not the same" not in text
    cells[0]["tokens"] *= 2
    cells[0]["config"]["tokenizer"]["vocabulary_size"] = 8000
    cells[1]["config"]["data"]["max_length"] = 64
    text, _ = write(tmp_path, cells)
    assert "**Not equal over the arms of a task**: en-de" in text
    assert "**Not the same vocabulary in all arms** of en-de." in text
    assert "**Not the same text and its order in all arms** of en-de." in text


def test_names_in_results_cannot_become_markup(tmp_path, text_only):
    cells = small_cells()
    for cell in cells:
        cell["command"] = "train <script>alert(1)</script> | `x` *y*"
        cell["versions"] = {"<b>python</b>": "3 | 4"}
    text, shown = write(tmp_path, cells)
    collector = Collector()
    collector.feed(shown)
    assert collector.scripts == 0
    assert "<b>" not in shown
    assert "<script>" not in text
    assert "alert(1)" in shown


def test_results_may_lie_beside_their_report(tmp_path, text_only):
    results = synthetic_study.write(tmp_path, small_cells())
    for _ in range(2):
        report.write(results, results)
    assert pathlib.Path(results, "report.md").exists()


def test_damaged_results_write_nothing(tmp_path):
    results = synthetic_study.write(tmp_path / "results", small_cells())
    (tmp_path / "results" / "en-de.shared.1.json").write_text("{")
    with pytest.raises(errors.InputError, match="damaged"):
        report.write(results, str(tmp_path / "report"))
    assert not (tmp_path / "report").exists()


def test_text_that_looks_like_a_picture_is_no_picture(tmp_path):
    text = '# A\n\nno `src="x.png"` here, nor src="x.png" & <i>'
    shown = page.render(text, "A & B", tmp_path)
    assert shown.count("x.png") == 2
    assert "data:" not in shown
    assert "<title>A &amp; B</title>" in shown
