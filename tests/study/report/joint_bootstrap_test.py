"""Differences and intervals on made-up scores."""

import numpy as np
import pytest

from shared_transformer_tf.evaluation import significance, sufficient_statistics
from shared_transformer_tf.study.report.joint_bootstrap import Bootstrap
from tests.study import synthetic

ARMS = ("tuned", "shared")
TASKS = ("en-de", "de-en", "en-fr")


def make(qualities, tasks=TASKS, seeds=(1,), num_sentences=200):
    """Statistics of arms by their quality, in tasks with shared sentences."""
    difficulty = synthetic.difficulties(num_sentences, 0)
    return {
        (task, arm, seed): synthetic.statistics(
            difficulty, quality, [number, len(arm), seed, ord(arm[-1])]
        )
        for number, task in enumerate(tasks)
        for arm, quality in qualities.items()
        for seed in seeds
    }


def bootstrap(statistics, **options):
    return Bootstrap(statistics, **{"num_samples": 400} | options)


def test_identical_systems_are_not_worse_with_an_interval_of_no_width():
    statistics = make({"tuned": 1.0})
    for task, _, seed in list(statistics):
        statistics[task, "shared", seed] = statistics[task, "tuned", seed]
    found = bootstrap(statistics).difference("tuned", "shared")
    assert found.value == 0
    assert found.interval == (0, 0)
    assert found.verdict == "not worse"
    assert found.seed_interval is None
    assert found.seed_verdict is None


def test_the_mean_is_over_tasks_of_means_over_seeds():
    statistics = make({"tuned": 1.0, "shared": 0.9}, seeds=(1, 2))
    del statistics["de-en", "tuned", 2]
    found = bootstrap(statistics).difference("tuned", "shared")

    def bleu(*key):
        return sufficient_statistics.corpus_bleu(statistics[key].sum(0))

    by_task = [
        np.mean(
            [bleu(task, "tuned", s) - bleu(task, "shared", s) for s in seeds]
        )
        for task, seeds in zip(TASKS, [(1, 2), (1,), (1, 2)], strict=True)
    ]
    assert found.value == pytest.approx(np.mean(by_task))
    assert found.num_seeds == {"en-de": 2, "de-en": 1, "en-fr": 2}
    alone = bootstrap(statistics).difference("tuned", "shared", ["de-en"])
    assert alone.value == pytest.approx(by_task[1])


def test_exchanging_the_arms_mirrors_the_interval():
    found = bootstrap(make({"tuned": 1.0, "shared": 1.1}, seeds=(1, 2)))
    one = found.difference("tuned", "shared")
    other = found.difference("shared", "tuned")
    assert one.value == pytest.approx(-other.value)
    assert one.interval == pytest.approx([-x for x in other.interval[::-1]])


def test_seeds_of_all_arms_together():
    statistics = make({"tuned": 1.0, "shared": 0.9}, seeds=(1, 2, 3))
    for task in TASKS[1:]:
        for arm in ("tuned", "shared"):
            for seed in (2, 3):
                del statistics[task, arm, seed]
    scores = bootstrap(statistics)
    variance, freedom = scores.seeds_pooled_over_arms()
    assert freedom == 4
    expected = [np.var(scores.bleu("en-de", a), ddof=1) for a in ARMS]
    assert variance == pytest.approx(np.mean(expected))
    found = scores.difference("tuned", "shared")
    low, high = scores.interval_by_pooled_seeds("tuned", "shared")
    assert (low + high) / 2 == pytest.approx(found.value)
    sentences = found.interval.high - found.interval.low
    assert high - low > sentences
    one_each = {k: rows for k, rows in statistics.items() if k[2] == 1}
    alone = bootstrap(one_each)
    assert alone.interval_by_pooled_seeds("tuned", "shared") is None


def widths(statistics):
    """Of the mean difference: resampled jointly, and task by task."""
    joint = bootstrap(statistics).difference("tuned", "shared").interval
    alone = np.mean(
        [
            np.subtract(
                *(
                    significance.bleu_of_draws(
                        statistics[task, arm, 1],
                        significance.draw_counts(200, 400, number),
                    )
                    for arm in ("tuned", "shared")
                )
            )
            for number, task in enumerate(TASKS)
        ],
        axis=0,
    )
    apart = significance.interval(alone)
    return joint.high - joint.low, apart[1] - apart[0]


def test_joint_resampling_sees_what_tasks_have_in_common():
    unrelated = make({"tuned": 1.0, "shared": 1.0})
    joint, apart = widths(unrelated)
    assert joint == pytest.approx(apart, rel=0.25)
    # The same gains and losses in every task: three tasks tell no more
    # than one, which independent draws would not notice.
    same = {
        (task, arm, 1): unrelated["en-de", arm, 1]
        for task in TASKS
        for arm in ("tuned", "shared")
    }
    joint, apart = widths(same)
    assert joint > 1.4 * apart


def test_pairing_narrows_the_interval():
    statistics = make({"tuned": 1.2, "shared": 1.0}, tasks=("en-de",))
    paired = bootstrap(statistics).difference("tuned", "shared").interval
    unpaired = significance.interval(
        np.subtract(
            *(
                significance.bleu_of_draws(
                    statistics["en-de", arm, 1],
                    significance.draw_counts(200, 400, seed),
                )
                for arm, seed in (("tuned", 1), ("shared", 2))
            )
        )
    )
    assert paired.high - paired.low < 0.8 * (unpaired[1] - unpaired[0])


def test_seeds_widen_the_interval_by_their_spread():
    seeds = (1, 2, 3)
    found = bootstrap(make({"tuned": 1.0, "shared": 1.0}, seeds=seeds))
    calm = found.difference("tuned", "shared", ["en-de"])
    spread = make({"shared": 1.0}, seeds=seeds)
    difficulty = synthetic.difficulties(200, 0)
    for (task, _, seed), _ in list(spread.items()):
        spread[task, "tuned", seed] = synthetic.statistics(
            difficulty, 1.0 + 0.5 * (seed - 2), seed
        )
    wild = bootstrap(spread).difference("tuned", "shared", ["en-de"])
    for one in (calm, wild):
        low, high = one.seed_interval
        assert (low + high) / 2 == pytest.approx(one.value)
    calm_width, wild_width = (
        one.seed_interval.high - one.seed_interval.low for one in (calm, wild)
    )
    assert wild_width > 3 * calm_width


def test_a_task_of_one_seed_borrows_the_spread_of_others():
    statistics = make({"tuned": 1.0, "shared": 1.0}, seeds=(1, 2, 3))
    for task in TASKS[1:]:
        for seed in (2, 3):
            del statistics[task, "tuned", seed]
    found = bootstrap(statistics)
    one = found.difference("tuned", "shared", ["de-en"])
    assert one.seed_interval.low < one.interval.low
    assert one.seed_interval.high > one.interval.high


def test_seeds_that_only_one_arm_has_are_not_compared():
    statistics = make({"tuned": 1.0, "shared": 1.0}, tasks=("en-de",))
    statistics["en-de", "shared", 2] = make({"shared": 3.0})[
        "en-de", "shared", 1
    ]
    found = bootstrap(statistics).difference("tuned", "shared")
    assert found.num_seeds == {"en-de": 1}
    del statistics["en-de", "tuned", 1]
    assert bootstrap(statistics).difference("tuned", "shared") is None
    assert bootstrap(statistics).difference("tuned", "deep") is None


def test_the_part_due_to_convergence_is_a_ratio_of_gains():
    statistics = make({"vanilla": 0.6, "shared": 1.2, "tuned": 1.0})
    found = bootstrap(statistics)
    share = found.convergence_share()
    tuned = found.difference("tuned", "vanilla")
    assert share.gain == found.difference("shared", "vanilla")
    assert share.value == pytest.approx(tuned.value / share.gain.value)
    assert share.interval.low < share.value < share.interval.high
    assert 0 < share.interval.low < share.interval.high < 1


def test_no_part_is_claimed_of_a_gain_that_may_be_none():
    for shared in (0.6, 0.2):
        statistics = make({"vanilla": 0.6, "shared": shared, "tuned": 1.0})
        share = bootstrap(statistics).convergence_share()
        assert share.gain.interval.low <= 0
        assert share.value is None
        assert share.interval is None
    assert bootstrap(make({"vanilla": 1.0})).convergence_share() is None


def test_test_sets_of_unequal_size_stand_side_by_side():
    statistics = make({"tuned": 1.0, "shared": 1.0}, tasks=("en-de",))
    other = make({"tuned": 1.0, "shared": 1.0}, ("fr-en",), num_sentences=90)
    found = bootstrap(statistics | other).difference("tuned", "shared")
    assert found.tasks == ("en-de", "fr-en")
    assert found.interval.low < found.value < found.interval.high
