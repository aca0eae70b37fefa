"""Scores of every cell of a study on the same draws of test sentences.

See `verdicts` for the rules that this computes by.
"""

import functools
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from shared_transformer_tf.evaluation import significance
from shared_transformer_tf.study.report import verdicts
from shared_transformer_tf.study.report.verdicts import (
    ConvergenceShare,
    Difference,
    Interval,
)

NUM_SAMPLES = 5000


class Bootstrap:
    """Scores of every cell of a study on the same draws of sentences.

    Args:
        statistics: (sentences, 10) of each task, arm and seed.
        num_samples: draws.
        seed: of the draws.
        margin: of the verdicts.
    """

    def __init__(
        self,
        statistics: Mapping[tuple[str, str, int], np.ndarray],
        num_samples: int = NUM_SAMPLES,
        seed: int = 1,
        margin: float = verdicts.MARGIN,
    ):
        self._margin = margin

        @functools.cache
        def counts(num_sentences: int) -> np.ndarray:
            return significance.draw_counts(num_sentences, num_samples, seed)

        self._scores = {
            key: significance.bleu_of_draws(rows, counts(len(rows)))
            for key, rows in statistics.items()
        }

    def seeds(self, task: str, *arms: str) -> tuple[int, ...]:
        """Returns the seeds that all arms have in a task."""
        found = [
            {s for (t, a, s) in self._scores if (t, a) == (task, arm)}
            for arm in arms
        ]
        return tuple(sorted(set.intersection(*found)))

    def tasks(self, *arms: str) -> tuple[str, ...]:
        """Returns the tasks with a seed that all arms have."""
        known = dict.fromkeys(task for task, _, _ in self._scores)
        return tuple(task for task in known if self.seeds(task, *arms))

    def bleu(self, task: str, arm: str) -> list[float]:
        """Returns BLEU on all sentences, by seed."""
        seeds = self.seeds(task, arm)
        return [float(self._scores[task, arm, seed][0]) for seed in seeds]

    def difference(
        self, system: str, baseline: str, tasks: Sequence[str] | None = None
    ) -> Difference | None:
        """Returns how much higher BLEU of an arm is, as mean over tasks.

        Args:
            system: an arm.
            baseline: another one.
            tasks: of which; `None`: all that both arms were run on. Those
                that they were not run on are left out.

        Returns:
            `None` where no task has both.
        """
        chosen = self._chosen(tasks, system, baseline)
        return self._difference(system, baseline, chosen) if chosen else None

    def convergence_share(
        self,
        vanilla: str = "vanilla",
        shared: str = "shared",
        tuned: str = "tuned",
        tasks: Sequence[str] | None = None,
    ) -> ConvergenceShare | None:
        """Returns (tuned - vanilla) / (shared - vanilla), jointly resampled.

        Args:
            vanilla: the arm that both others are compared with.
            shared: the arm whose gain is explained.
            tuned: the arm that has the gain by convergence alone.
            tasks: as in `difference`.

        Returns:
            `None` where no task has all three arms.
        """
        chosen = self._chosen(tasks, vanilla, shared, tuned)
        if not chosen:
            return None
        gain = self._difference(shared, vanilla, chosen)
        if gain.interval.low <= 0:
            return ConvergenceShare(gain, None, None)
        of_shared, of_tuned = (
            _mean_over_tasks(self._differences(arm, vanilla, chosen))
            for arm in (shared, tuned)
        )
        # A draw without a gain leaves the ratio without bound.
        ratios = np.where(
            of_shared > 0,
            of_tuned / np.where(of_shared > 0, of_shared, 1.0),
            np.copysign(np.inf, of_tuned),
        )
        interval = Interval(*significance.interval(ratios))
        return ConvergenceShare(gain, float(ratios[0]), interval)

    def _chosen(
        self, tasks: Sequence[str] | None, *arms: str
    ) -> dict[str, tuple[int, ...]]:
        """Returns the seeds that all arms have, of each task in question."""
        return {
            task: self.seeds(task, *arms)
            for task in self.tasks(*arms)
            if tasks is None or task in tasks
        }

    def _difference(
        self, system: str, baseline: str, chosen: Mapping[str, Sequence[int]]
    ) -> Difference:
        values = _mean_over_tasks(self._differences(system, baseline, chosen))
        everywhere = self._chosen(None, system, baseline)
        by_seed = [
            rows[:, 0]
            for rows in self._differences(system, baseline, everywhere)
        ]
        num_seeds = {task: len(seeds) for task, seeds in chosen.items()}
        return Difference(
            float(values[0]),
            Interval(*significance.interval(values)),
            _seed_interval(values, _pooled(by_seed), list(num_seeds.values())),
            num_seeds,
            self._margin,
        )

    def seeds_pooled_over_arms(self) -> tuple[float, int]:
        """Returns the variance of BLEU over seeds, and degrees of freedom.

        Of single trainings, pooled over all arms and tasks with several.
        """
        keys = dict.fromkeys((task, arm) for task, arm, _ in self._scores)
        return _pooled([np.array(self.bleu(*key)) for key in keys])

    def interval_by_pooled_seeds(
        self, system: str, baseline: str
    ) -> Interval | None:
        """Returns a difference's interval over sentences and seeds, otherwise.

        That of `Difference` knows the variance of seeds from the seeds of
        both arms, paired; this from `seeds_pooled_over_arms`, as though
        trainings of two arms had nothing in common.
        """
        chosen = self._chosen(None, system, baseline)
        variance, freedom = self.seeds_pooled_over_arms()
        if not chosen or not freedom:
            return None
        values = _mean_over_tasks(self._differences(system, baseline, chosen))
        num_seeds = [len(seeds) for seeds in chosen.values()]
        return _seed_interval(values, (2 * variance, freedom), num_seeds)

    def _differences(
        self, system: str, baseline: str, chosen: Mapping[str, Sequence[int]]
    ) -> list[np.ndarray]:
        """Returns (seeds, 1 + draws) for each task."""
        scores = self._scores
        return [
            np.stack(
                [
                    scores[task, system, seed] - scores[task, baseline, seed]
                    for seed in seeds
                ]
            )
            for task, seeds in chosen.items()
        ]


def _mean_over_tasks(per_seed: Sequence[np.ndarray]) -> np.ndarray:
    """Returns (1 + draws,): the mean over tasks of means over seeds."""
    return np.mean([rows.mean(0) for rows in per_seed], axis=0)


def _pooled(by_seed: Sequence[np.ndarray]) -> tuple[float, int]:
    """Returns the variance over seeds within groups, degrees of freedom."""
    freedom = sum(len(one) - 1 for one in by_seed)
    squares = sum(((one - one.mean()) ** 2).sum() for one in by_seed)
    return float(squares) / max(freedom, 1), freedom


def _seed_interval(
    values: np.ndarray,
    of_difference: tuple[float, int],
    num_seeds: Sequence[int],
) -> Interval | None:
    """Returns the interval over sentences and seeds.

    Args:
        values: (1 + draws,) mean over tasks and seeds.
        of_difference: variance of one seed's difference, and its degrees of
            freedom.
        num_seeds: of each task that `values` is the mean over.
    """
    of_one_seed, freedom = of_difference
    if not freedom:
        return None
    of_seeds = of_one_seed * sum(1 / n for n in num_seeds) / len(num_seeds) ** 2
    variance = values[1:].var(ddof=1) + of_seeds
    if of_seeds:
        effective = freedom * (variance / of_seeds) ** 2
        quantile = stats.t.ppf(0.5 + significance.LEVEL / 2, effective)
    else:
        quantile = stats.norm.ppf(0.5 + significance.LEVEL / 2)
    half = float(quantile * np.sqrt(variance))
    return Interval(float(values[0]) - half, float(values[0]) + half)
