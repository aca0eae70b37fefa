"""Importance finds what was put into the scores, and nothing in noise."""

import math
import random

from shared_transformer_tf.config import Config
from shared_transformer_tf.study.search import space
from shared_transformer_tf.study.search.folder import Outcome
from shared_transformer_tf.study.search.importance import importance, rank


def fields():
    config = Config()
    config.model.num_blocks, config.model.sharing = 2, "sequence"
    names = ("learning_rate", "dropout", "update_scaling")
    return space.make_space(config, names).fields


def trials(score, number=40):
    rng = random.Random(3)
    rate, dropout, scaling = fields()
    drawn = []
    for i in range(number):
        settings = {
            rate.name: rate.low * (rate.high / rate.low) ** rng.random(),
            dropout.name: rng.choice(dropout.choices),
            scaling.name: rng.choice(scaling.choices),
        }
        value = score(*settings.values(), rng)
        drawn.append(Outcome(str(i), settings, "completed", value))
    return drawn


def explained(found):
    return {name.split(".")[1]: v["explained"] for name, v in found.items()}


def test_an_optimum_in_the_middle_is_found():
    drawn = trials(lambda rate, *_: -abs(math.log10(rate / 3e-3)))
    parts = explained(importance(fields(), drawn, 1))
    assert parts["learning_rate"] > 0.8
    assert parts["dropout"] < 0.2 and parts["update_scaling"] < 0.2
    assert list(parts) == sorted(parts, key=parts.get, reverse=True)


def test_words_count_by_their_means():
    good = {"none": 0.0, "sqrt_uses": 2.0, "uses": 1.0}
    drawn = trials(lambda rate, dropout, s, rng: good[s] + 0.3 * rng.random())
    found = importance(fields(), drawn, 1)
    assert explained(found)["update_scaling"] > 0.8
    assert "direction" not in found["training.update_scaling"]


def test_direction_says_which_way_is_better():
    drawn = trials(lambda rate, dropout, *_: dropout + rate / 100)
    for sign in (1, -1):
        found = importance(fields(), drawn, sign)["model.dropout"]
        assert found["direction"] * sign > 0.9


def test_noise_explains_little():
    drawn = trials(lambda *values: values[-1].random())
    assert max(explained(importance(fields(), drawn, 1)).values()) < 0.25


def test_few_trials_say_nothing():
    assert importance(fields(), trials(lambda *v: v[0], number=7), 1) == {}


def test_trials_are_ranked_by_how_far_they_came_then_by_score():
    order = [
        Outcome("a", {}, "completed", 30.0),
        Outcome("b", {}, "completed", 20.0, scores={"loss": 2.0}),
        Outcome("c", {}, "completed", 20.0, scores={"loss": 2.5}),
        Outcome("d", {}, "stopped early", 10.0, tokens=50),
        Outcome("e", {}, "stopped early", 25.0, tokens=30),
        Outcome("f", {}, "failed", None, tokens=90),
    ]
    assert rank(order[::-1], 1) == order
    assert [o.trial for o in rank(order, -1)] == list("bcadef")
