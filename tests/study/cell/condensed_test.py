"""What a result keeps of a training's records."""

import pytest

from shared_transformer_tf.study.cell import condensed


def trained(number, tokens=100.0, rate=50.0):
    return [
        {
            "step": 10 * n,
            "tokens": n * tokens,
            "tokens_per_second": rate,
            "loss": 5.0 - 0.01 * n,
            "gradient_norm": 1.0,
            "seconds": 1e9,  # with evaluations; not to be used
        }
        for n in range(1, number + 1)
    ]


def test_seconds_are_those_of_updates():
    clock = condensed.TrainingClock(trained(4))
    for tokens in (0.0, 50.0, 100.0, 330.0, 400.0, 450.0):
        assert clock.seconds(tokens) == pytest.approx(tokens / 50)


def test_the_first_record_is_no_pace():
    records = trained(4)
    records[0]["tokens_per_second"] = 1.0
    clock = condensed.TrainingClock(records)
    assert clock.seconds_per_token == pytest.approx(1 / 50)
    assert clock.seconds(100.0) == pytest.approx(100.0)
    alone = condensed.TrainingClock(records[:1])
    assert alone.seconds_per_token == pytest.approx(1.0)


def test_without_a_record_the_evaluations_tell_the_time():
    valid = [
        {"step": n, "tokens": 100.0 * n, "seconds": 4.0 * n, "loss": 1.0}
        | {"bleu": 1.0, "chrf": 2.0}
        for n in (1, 2)
    ]
    clock = condensed.TrainingClock([], valid)
    assert clock.seconds_per_token == pytest.approx(0.04)
    assert clock.seconds(150.0) == pytest.approx(6.0)
    curve = condensed.dev_curve(valid, [], 1.0)
    assert [point["seconds"] for point in curve] == [4.0, 8.0]
    assert condensed.training_curve([]) == []


@pytest.mark.parametrize("number", [1, 39, 40, 41, 1000])
def test_a_curve_has_few_points_and_all_records(number):
    curve = condensed.training_curve(trained(number))
    assert len(curve) <= condensed.POINTS
    assert curve[-1]["update"] == 10 * number
    assert curve[-1]["tokens"] == 100 * number
    updates = [point["update"] for point in curve]
    assert updates == sorted(set(updates))


def test_points_are_means():
    records = trained(80)
    curve = condensed.training_curve(records)
    assert curve[0]["loss"] == pytest.approx(
        (records[0]["loss"] + records[1]["loss"]) / 2
    )


def test_evaluations_stand_at_their_tokens_seconds_and_flops():
    scores = {"bleu": 12.3456789, "chrf": 30.0, "loss": 3.0}
    (point,) = condensed.dev_curve(
        [{"step": 7, "tokens": 250.0, **scores}], trained(4), 1e6
    )
    assert point == {
        "update": 7, "tokens": 250, "seconds": 5.0, "flops": 2.5e8,
        "bleu": 12.3457, "chrf": 30.0, "loss": 3.0,
    }  # fmt: skip


def test_gradients_of_uses_without_layer_norms():
    found = {
        "gradient_norm": 2.0,
        "norms": [1.0, 3.0],
        "alignment": 0.5,
        "cosines": [0.5],
        "update_ratio": 0.01,
    }
    once = {"gradient_norm": 2.0, "norms": [2.0], "update_ratio": 0.02}
    record = {
        "step": 4,
        "tokens": 99.0,
        "sublayers": {
            "encoder/block_0_feed_forward": found,
            "decoder/block_1_cross_attention": once,
            "encoder/block_0_feed_forward_norm": found,
        },
    }
    (measured,) = condensed.gradients([record])
    assert (measured["update"], measured["tokens"]) == (4, 99)
    assert list(measured["weights"]) == list(record["sublayers"])[:2]
    shared, single = measured["weights"].values()
    assert (shared["norm_min"], shared["norm_mean"], shared["norm_max"]) == (
        1.0, 2.0, 3.0,
    )  # fmt: skip
    assert shared["uses"] == 2 and shared["cosine_mean"] == 0.5
    assert single["uses"] == 1 and "cosine_mean" not in single
