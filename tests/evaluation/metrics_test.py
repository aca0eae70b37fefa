"""Properties of the scores."""

import json

import pytest

from shared_transformer_tf import errors
from shared_transformer_tf.evaluation import metrics

REFERENCES = ["Ein Mann fährt Rad.", "Zwei Hunde spielen im hohen Gras."]


def test_a_perfect_translation_has_perfect_scores():
    scores = metrics.evaluate(REFERENCES, REFERENCES)
    assert scores.bleu == pytest.approx(100)
    assert scores.chrf == pytest.approx(100)
    assert scores.ter == 0


def test_a_worse_translation_scores_worse_in_every_metric():
    better, worse = (
        metrics.evaluate([first, REFERENCES[1]], REFERENCES)
        for first in ("Ein Mann fährt Bus.", "Eine Frau singt.")
    )
    assert better.bleu > worse.bleu
    assert better.chrf > worse.chrf
    assert better.ter < worse.ter


def test_signatures_name_tokeniser_case_and_version():
    signatures = metrics.evaluate(REFERENCES, REFERENCES).signatures
    assert set(signatures) == {"bleu", "chrf", "ter"}
    assert "case:mixed" in signatures["bleu"]
    assert "tok:13a" in signatures["bleu"]
    assert "version:" in signatures["ter"]


def test_tokens_that_stand_between_spaces_are_taken_as_they_are():
    hypotheses, references = ["a b c d e."], ["a b c d e ."]
    scores = {
        name: metrics.evaluate(hypotheses, references, name)
        for name in ("13a", "none")
    }
    assert scores["none"].bleu != scores["13a"].bleu
    for name, found in scores.items():
        assert f"tok:{name}" in found.signatures["bleu"]


@pytest.mark.parametrize("name", metrics.TOKENIZERS)
def test_every_tokenizer_is_there(name):
    assert metrics.evaluate(REFERENCES, REFERENCES, name).bleu > 99


def test_scores_round_trip_through_json():
    scores = metrics.evaluate(REFERENCES, REFERENCES)
    values = json.loads(json.dumps(scores.to_dict()))
    assert metrics.Scores(**values) == scores


def test_dev_scores_are_the_same_scores():
    hypotheses = ["Ein Mann fährt ein Rad.", "Hunde spielen im hohen Gras."]
    quick = metrics.dev_scores(hypotheses, REFERENCES)
    scores = metrics.evaluate(hypotheses, REFERENCES)
    assert quick == {"bleu": scores.bleu, "chrf": scores.chrf}


def test_tokens_are_told_where_detokenised_text_is_expected(caplog):
    lines = ["a b ."] * 200
    metrics.evaluate(lines, lines, tokenize="none")
    metrics.dev_scores(lines, lines)
    assert not caplog.records
    metrics.evaluate(lines, lines)
    assert "forgot to detokenize" in caplog.text


@pytest.mark.parametrize("score", [metrics.evaluate, metrics.dev_scores])
def test_unequal_counts_are_refused(score):
    with pytest.raises(errors.InputError, match="1 translations and 2 ref"):
        score(REFERENCES[:1], REFERENCES)
