"""How often intervals contain the truth, which is known here."""

import numpy as np

from shared_transformer_tf.evaluation import sufficient_statistics
from shared_transformer_tf.study.report.joint_bootstrap import Bootstrap
from tests.study import synthetic

TASKS = ("en-de", "de-en", "en-fr")


def bootstrap(statistics, **options):
    return Bootstrap(statistics, **{"num_samples": 400} | options)


def test_intervals_of_a_difference_cover_the_truth_as_often_as_they_say():
    everyone = synthetic.difficulties(100_000, 1)
    truth = np.subtract(
        *(
            sufficient_statistics.corpus_bleu(
                synthetic.statistics(everyone, quality, seed).sum(0)
            )
            for quality, seed in ((1.1, 2), (1.0, 3))
        )
    )
    covered = []
    for trial in range(200):
        difficulty = synthetic.difficulties(200, [trial, 9])
        statistics = {
            ("en-de", arm, 1): synthetic.statistics(
                difficulty, quality, [trial, ord(arm[0])]
            )
            for arm, quality in (("tuned", 1.1), ("shared", 1.0))
        }
        found = bootstrap(statistics, num_samples=200, seed=trial)
        low, high = found.difference("tuned", "shared").interval
        covered.append(low <= truth <= high)
    # 190 expected; five standard deviations of a binomial are 15.
    assert 175 <= sum(covered) <= 199


def test_only_the_interval_with_seeds_covers_what_other_seeds_would_give():
    """Each seed has a quality of its own; their mean difference is asked."""
    spread, truth = 0.08, []
    for number in range(40):
        rng = np.random.default_rng([number, 1])
        difficulty = synthetic.difficulties(2000, [number, 2])
        scores = [
            sufficient_statistics.corpus_bleu(
                synthetic.statistics(
                    difficulty, quality + rng.normal(scale=spread), number
                ).sum(0)
            )
            for quality in (1.1, 1.0)
        ]
        truth.append(scores[0] - scores[1])
    truth = np.mean(truth)
    covered = np.zeros(2)
    for trial in range(100):
        rng = np.random.default_rng([trial, 3])
        difficulty = synthetic.difficulties(200, [trial, 4])
        statistics = {
            (task, arm, seed): synthetic.statistics(
                difficulty,
                quality + rng.normal(scale=spread),
                [trial, seed, ord(arm[0]), ord(task[0])],
            )
            for task in TASKS
            for arm, quality in (("tuned", 1.1), ("shared", 1.0))
            for seed in ((1, 2, 3) if task == "en-de" else (1,))
        }
        found = bootstrap(statistics, num_samples=200, seed=trial).difference(
            "tuned", "shared"
        )
        covered += [
            low <= truth <= high
            for low, high in (found.interval, found.seed_interval)
        ]
    assert covered[1] >= 85
    assert covered[0] < covered[1]


def test_the_interval_of_the_part_covers_the_truth():
    everyone = synthetic.difficulties(100_000, 1)
    qualities = {"vanilla": 0.6, "shared": 1.0, "tuned": 0.9}
    scores = {
        arm: sufficient_statistics.corpus_bleu(
            synthetic.statistics(everyone, quality, ord(arm[0])).sum(0)
        )
        for arm, quality in qualities.items()
    }
    truth = (scores["tuned"] - scores["vanilla"]) / (
        scores["shared"] - scores["vanilla"]
    )
    covered = []
    for trial in range(100):
        difficulty = synthetic.difficulties(200, [trial, 8])
        statistics = {
            ("en-de", arm, 1): synthetic.statistics(
                difficulty, quality, [trial, ord(arm[0])]
            )
            for arm, quality in qualities.items()
        }
        share = bootstrap(statistics, num_samples=200).convergence_share()
        covered.append(share.interval.low <= truth <= share.interval.high)
    assert sum(covered) >= 84
