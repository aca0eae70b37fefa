"""The card says what is known, and that the rest is not."""

import json
import re

from shared_transformer_tf import config
from shared_transformer_tf.export import model_card

FACTS = {
    "weights": 1234567,
    "max_length": 128,
    "most_beams": 8,
    "decoding": vars(config.DecodingConfig(beam_size=5)),
    "scores": {},
}


def test_nothing_known_is_said_so():
    card = model_card.write(model_card.Origin(), FACTS)
    assert card.count("not stated") >= 6
    assert "Not measured" in card
    assert "1,234,567" in card


def test_everything_known_is_there():
    references = ["Ein Mann fährt Rad."]
    scores = model_card.score(references, references)
    assert scores["sentences"] == 1 and scores["ter"] == 0
    origin = model_card.Origin(
        source_language="en",
        target_language="de",
        data="captions",
        checkpoint="step_7",
        licence="CC-BY-NC-4.0",
        complexity="Weights: 7\nFLOPs: 9",
        config={"model": {"num_layers": 3}},
        references=references,
    )
    card = model_card.write(origin, FACTS | {"scores": scores})
    for text in ("en to de", "captions", "step_7", "CC-BY-NC-4.0", "FLOPs: 9"):
        assert text in card
    assert scores["signatures"]["bleu"] in card
    assert "on the 1 lines" in card
    given = re.search("```json\n(.*?)```", card, re.DOTALL)
    assert json.loads(given[1]) == origin.config


def test_without_references_there_is_no_score():
    assert model_card.score(["a"], []) == {}
