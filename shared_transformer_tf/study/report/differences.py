"""How a report words a difference of two arms, with what seeds add to it."""

from shared_transformer_tf.study.report import wording
from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.verdicts import Difference

ONE_SEED = (
    "One seed of each is compared: what another seed would change is not in "
    "the interval."
)


def measured(difference: Difference) -> str:
    """Returns `-0.12 BLEU, 95% interval [-0.30, +0.05]`."""
    return (
        f"{wording.signed(difference.value)} BLEU, 95% interval "
        f"{wording.interval(difference.interval)}"
    )


def over_tasks(evidence: Evidence, difference: Difference) -> str:
    """Returns `on the mean over 8 tasks`, and how many lack it."""
    count, all_tasks = len(difference.tasks), len(evidence.results.tasks)
    if count == all_tasks == 1:
        return f"on {difference.tasks[0]}, the only task that was run"
    if count == 1:
        return f"on {difference.tasks[0]} alone"
    if count == all_tasks:
        return f"on the mean over {count} tasks"
    return f"on the mean over {count} of {all_tasks} tasks"


def seeds_said(difference: Difference, verdict: bool = False) -> str:
    """Returns what the seeds add to a difference, as a sentence.

    Args:
        difference: of two arms.
        verdict: whether to end with the verdict, else with the sign.
    """
    if difference.seed_interval is None:
        return ONE_SEED
    numbers = sorted(set(difference.num_seeds.values()))
    return (
        f"With the spread of seeds ({wording.span(map(str, numbers))} in a "
        f"task): {wording.interval(difference.seed_interval)}, "
        f"{difference.seed_verdict if verdict else difference.seed_direction}."
    )


def in_short(difference: Difference) -> str:
    """Returns `+0.12 [-0.10, +0.34]`."""
    ends = wording.interval(difference.interval)
    return f"{wording.signed(difference.value)} {ends}"


def sign_in_short(difference: Difference) -> str:
    """Returns `higher: +0.12 [+0.01, +0.23]`, and what seeds say apart."""
    short = f"{difference.direction}: {in_short(difference)}"
    return short + seeds_apart(difference)


def seeds_apart(difference: Difference) -> str:
    """Returns the sign with the spread of seeds, where it is another."""
    if difference.seed_direction in (None, difference.direction):
        return ""
    return f", with the spread of seeds {difference.seed_direction}"


def weights_said(evidence: Evidence, system: str, baseline: str) -> str:
    """Returns `, 72% of the weights`: half the blocks are not half of them."""
    part = evidence.relative("weights", system, baseline)
    return "" if part in (None, 1) else f", {part:.0%} of the weights"


def updates_said(
    evidence: Evidence, system: str, baseline: str, link: str = ","
) -> str:
    """Returns `, 2.0x the updates`: a search may choose other batches.

    Args:
        evidence: of the study.
        system: an arm.
        baseline: another one.
        link: what to begin with.
    """
    part = evidence.relative("updates", system, baseline)
    if part is None or 0.95 < part < 1.05:
        return ""
    times = f"{part:.1f}x" if part >= 1 else f"{part:.2f}x"
    return f"{link} {times} the updates at equal tokens"
