"""Every engine translates as the run does."""

import json

import pytest

from shared_transformer_tf import config, trained_run
from shared_transformer_tf.benchmark import translation_step
from shared_transformer_tf.export import (
    ctranslate2_folder,
    parity_gate,
    saved_model,
)

LINES = ["one hundred and five", "twelve", "seven hundred"]


@pytest.fixture(scope="module")
def run(trained):
    return trained_run.load_run(str(trained))


def test_a_run(trained, run, tmp_path, monkeypatch):
    served = []
    monkeypatch.setattr(
        "shared_transformer_tf.benchmark.contender.serve",
        lambda step, **facts: served.append((step(), facts["answers"])),
    )
    path = tmp_path / "lines.json"
    path.write_text(json.dumps(LINES))
    settings = {"engine": "translator", "path": str(trained), "beam_size": 2}
    translation_step.main(settings | {"sentences": str(path), "size": 2})
    ((nothing, answers),) = served
    assert nothing is None and len(answers) == 3
    options = run.config.decoding
    options.beam_size = 2
    assert answers == run.translator(options)(LINES)


def test_a_saved_model(run, tmp_path, monkeypatch):
    # exports are checked when they are tested
    monkeypatch.setattr(parity_gate, "check", lambda *arguments: [])
    path = saved_model.export_saved_model(
        run.model, run.tokenizer, tmp_path, run.config.decoding
    )
    translate = translation_step.ENGINES["saved_model"]({"path": path})
    assert translate(LINES) == run.translator()(LINES)


def test_ctranslate2(run, tmp_path):
    path = ctranslate2_folder.export_ctranslate2(
        run.model,
        run.tokenizer,
        tmp_path,
        # of a model this bad only the first choice is without ties
        ctranslate2_folder.Settings(config.DecodingConfig(beam_size=1)),
    )
    translate = translation_step.ENGINES["ctranslate2"]({"path": path})
    assert len(translate(LINES)) == 3
