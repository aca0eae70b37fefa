"""What a study's test scores say: differences, intervals, verdicts.

The rules, fixed before any result was looked at:

* An arm's score in a task is the mean BLEU over its seeds. Two arms are
  compared over the seeds that both have, which share their sentence order.
* The 95% interval is that of a paired bootstrap over test sentences. Tasks
  with equally many test sentences share the draws: in Multi30k a sentence
  number is the same picture in every direction, so scores of tasks rise and
  fall together, and a mean over tasks is less certain than it would be over
  unrelated sentences. Unrelated test sets of equal size lose nothing by it.
* `not worse`: the lower end lies above -0.3 BLEU, the margin (a study may
  state another). `worse`: the upper end lies below it. Else `undecided`. So
  at most one of the two is ever claimed, each wrongly in at most 2.5% of
  cases, as far as other sentences go. An interval within the margin and below
  0 is a loss that is too small to matter here.
* The primary test is the verdict on the mean over tasks. Those of single tasks
  are beside it, and not corrected for being several.
* The bootstrap knows the models that were trained, not others. Where some task
  has several seeds, a second interval adds the variance of seeds: that of the
  differences per seed, pooled over those tasks and taken as that of every
  task; t-distributed, with Welch and Satterthwaite's degrees of freedom.
* The part of a gain that convergence accounts for, (tuned - vanilla) / (shared
  - vanilla), is not defined unless the interval of the gain lies above 0.
"""

import dataclasses
from typing import NamedTuple

MARGIN = 0.3
NOT_WORSE = "not worse"
WORSE = "worse"
UNDECIDED = "undecided"
HIGHER = "higher"
LOWER = "lower"
NOT_TOLD_APART = "not told apart"


class Interval(NamedTuple):
    """Both ends, in BLEU or as a ratio."""

    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Difference:
    """How much higher an arm's BLEU is than a baseline's.

    Attributes:
        value: measured on all sentences, mean over tasks and seeds.
        interval: 95%, over test sentences.
        seed_interval: 95%, over test sentences and seeds; `None` where no
            task has several seeds.
        num_seeds: seeds compared in each task.
        margin: a loss of this size does not matter.
    """

    value: float
    interval: Interval
    seed_interval: Interval | None
    num_seeds: dict[str, int]
    margin: float = MARGIN

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that it is the mean over."""
        return tuple(self.num_seeds)

    @property
    def verdict(self) -> str:
        """About the models that were trained."""
        return verdict(self.interval, self.margin)

    @property
    def direction(self) -> str:
        """On which side of 0 the interval lies."""
        return _direction(self.interval)

    @property
    def seed_direction(self) -> str | None:
        """Likewise with seeds; `None` where nothing tells."""
        return self.seed_interval and _direction(self.seed_interval)

    @property
    def seed_verdict(self) -> str | None:
        """About other seeds, too; `None` where nothing tells."""
        seeds = self.seed_interval
        return seeds and verdict(seeds, self.margin)


@dataclasses.dataclass(frozen=True)
class ConvergenceShare:
    """The part of a gain that tuning gives at the baseline's complexity.

    Attributes:
        gain: of the shared arm over the vanilla one.
        value: (tuned - vanilla) / gain; `None`: not defined.
        interval: 95%, over test sentences; `None`: not defined.
    """

    gain: Difference
    value: float | None
    interval: Interval | None


def verdict(interval: Interval, margin: float = MARGIN) -> str:
    """Returns `not worse`, `worse` or `undecided`.

    Args:
        interval: of a difference in BLEU.
        margin: a loss of this size does not matter.
    """
    if interval.low > -margin:
        return NOT_WORSE
    return WORSE if interval.high < -margin else UNDECIDED


def _direction(interval: Interval) -> str:
    if interval.low > 0:
        return HIGHER
    return LOWER if interval.high < 0 else NOT_TOLD_APART
