"""Chapters of a report."""

import dataclasses

from shared_transformer_tf.cli import config_flag
from shared_transformer_tf.study import found_settings, plan
from shared_transformer_tf.study.report import chapters, use_gradients
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


def test_a_cell_that_is_the_chosen_trial_is_told():
    search = make_search("vanilla")
    cell = make_cell("en-de", "vanilla", 1, num_sentences=20)
    results = ResultSet(STUDY, (cell,), {"vanilla": search})

    def told():
        text = chapters.searches(Evidence.of(results), {})
        return "`en-de.vanilla.1` is that trial" in text

    assert not told()
    search["trials"][0] |= {
        "settings": search["settings"],
        "score": cell["curve"][-1]["bleu"] + 4e-5,  # a curve is rounded
        "tokens": cell["tokens"],
        "updates": cell["updates"],
    }
    assert told()
    search["trials"][0]["updates"] += 1
    assert not told()


def test_searches_tell_how_trials_end_early_and_are_not_equal():
    searches = {arm: make_search(arm) for arm in ("vanilla", "shared")}
    cell = make_cell("en-de", "shared", 1, num_sentences=20)
    evidence = Evidence.of(ResultSet(STUDY, (cell,), searches))
    for search in searches.values():
        for trial in search["trials"]:
            trial["status"] = "completed"
    assert "below the median" not in chapters.searches(evidence, {})
    searches["shared"]["trials"][1]["status"] = "stopped early"
    assert "below the median" in chapters.searches(evidence, {})
    assert "not the same number" not in chapters.searches(evidence, {})
    searches["shared"]["trials"].pop()
    assert "**The searches have not the same" in chapters.searches(evidence, {})


def test_a_search_has_its_command_where_the_study_is_known():
    study = plan.load(config_flag.find("study_multi30k"))
    cell = make_cell("en-de", "shared", 1, num_sentences=20)
    results = ResultSet(STUDY, (cell,), {"shared": make_search("shared")})
    evidence = dataclasses.replace(Evidence.of(results), study=study)
    command = found_settings.command(study, "shared", "DIR")
    assert f"Searched again by `{command}`;" in chapters.searches(evidence, {})


def test_a_search_tells_its_standard_settings_and_its_edges():
    study = plan.load(config_flag.find("study_multi30k"))
    base = study.search_base("vanilla")
    search = make_search("vanilla")
    search["space"] = {
        "training.learning_rate": "0.0005 to 0.05, logarithmic",
        "training.beta_2": "0.9 0.98 0.995",
        "model.dropout": "0.0 0.1 0.2",
        "data.batch_tokens": "256 512",
        "training.gradient_rule": "none unit",
    }
    search["settings"] = {
        "training.learning_rate": 0.048,
        "training.beta_2": 0.98,
        "model.dropout": 0.0,
        "data.batch_tokens": 256,
        "training.gradient_rule": "none",
    }
    search["trials"][3] |= {"score": 12.34, "settings": {}}
    search["trials"][3]["settings"] = {
        "model.dropout": base.model.dropout,
        "training.beta_2": base.training.beta_2,
    }
    cell = make_cell("en-de", "shared", 1, num_sentences=20)
    results = ResultSet(STUDY, (cell,), {"vanilla": search})
    evidence = dataclasses.replace(Evidence.of(results), study=study)
    text = chapters.searches(evidence, {})
    assert "(the standard settings: 12.34)" in text
    edges = "`learning_rate` 0.048, `batch_tokens` 256."
    assert f"At the edge of what was searched: {edges}" in text


def test_cosines_are_compared_at_equal_numbers_of_tokens():
    early, late = (
        make_cell("en-de", arm, 1, num_sentences=20)
        for arm in ("shared", "unit")
    )
    del late["gradients"][0]
    for cell in (early, late):
        for number, moment in enumerate(cell["gradients"]):
            moment["tokens"] = 1000 * (number + (cell is late) + 1)
    evidence = Evidence.of(ResultSet(STUDY, (early, late), {}))
    _, cosine = use_gradients.cosine(early)
    text = chapters.gradients(evidence, {})
    assert "| after 2e+03 |" in text or "| after 2k |" in text
    assert f"| `shared` | {cosine[1]:.2f} |" in text
