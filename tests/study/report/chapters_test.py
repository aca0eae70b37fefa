"""Chapters of a report."""

import dataclasses

from shared_transformer_tf.cli import config_flag
from shared_transformer_tf.study import found_settings, plan
from shared_transformer_tf.study.report import chapters
from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.result_set import ResultSet
from tests.study.synthetic_study import STUDY, make_cell, make_search


def test_the_best_score_of_a_search_is_one_that_could_be_chosen():
    search = make_search("shared")
    whole = [t for t in search["trials"] if t["status"] == "completed"]
    best = max(trial["score"] for trial in whole)
    search["trials"][2] |= {"status": "stopped early", "score": 99.0}
    cell = make_cell("en-de", "shared", 1, num_sentences=20)
    results = ResultSet(STUDY, (cell,), {"shared": search})
    text = chapters.searches(Evidence.of(results), {})
    told = "best dev BLEU by greedy search of whole trainings"
    assert f"{told} {best:.2f}" in text
    assert "99.00" not in text
    assert "bin/tune.py" not in text


def test_a_search_has_its_command_where_the_study_is_known():
    study = plan.load(config_flag.find("study_multi30k"))
    cell = make_cell("en-de", "shared", 1, num_sentences=20)
    results = ResultSet(STUDY, (cell,), {"shared": make_search("shared")})
    evidence = dataclasses.replace(Evidence.of(results), study=study)
    command = found_settings.command(study, "shared", "DIR")
    assert f"Searched again by `{command}`;" in chapters.searches(evidence, {})
