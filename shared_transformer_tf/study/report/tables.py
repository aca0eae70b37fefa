"""The tables of a report, in Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared_transformer_tf.study.report import differences as differences_lib
from shared_transformer_tf.study.report import use_gradients, wording
from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.verdicts import (
    ConvergenceShare,
    Difference,
)

NOT_RUN = "not run"


def scores(evidence: Evidence, arms: Sequence[str]) -> str:
    """Returns BLEU of tasks x arms, and what each arm costs.

    Args:
        evidence: of the study.
        arms: the columns. Where both `tuned` and `shared` were run, their
            difference and its verdict have columns, too.
    """
    bootstrap = evidence.bootstrap
    compared = evidence.by_task("tuned", "shared")
    of_difference = (
        ["`tuned` - `shared`", "verdict over sentences"] if compared else []
    )
    rows = []
    for task in evidence.results.tasks:
        row = [
            wording.spread(bootstrap.bleu(task, arm))
            if bootstrap.seeds(task, arm)
            else _without_score(evidence, task, arm)
            for arm in arms
        ]
        if compared:
            row += _difference(compared.get(task))
        rows.append([task, *row])
    tasks = evidence.common_tasks
    if len(rows) > 1 and tasks:
        means = [evidence.mean_bleu(arm) for arm in arms]
        row = ["–" if mean is None else f"**{mean:.1f}**" for mean in means]
        if compared:
            row += _difference(bootstrap.difference("tuned", "shared", tasks))
        over = ""
        if len(tasks) < len(evidence.results.tasks):
            over = f" of {wording.number_of(len(tasks), 'task')}"
        rows.append([f"**mean{over}**", *row])
    padding = [""] * len(of_difference)
    rows += [[*row, *padding] for row in _costs(evidence, arms)]
    header = ["BLEU", *map(wording.code, arms), *of_difference]
    texts = (0, len(header) - 1) if compared else (0,)
    return wording.table(header, rows, texts)


def _without_score(evidence: Evidence, task: str, arm: str) -> str:
    diverged = any(
        (cell["task"], cell["arm"], cell["variation"]) == (task, arm, "")
        for cell in evidence.results.diverged
    )
    return "diverged" if diverged else NOT_RUN


def costs(evidence: Evidence, arms: Sequence[str]) -> str:
    """Returns blocks, layers, weights and FLOPs of each arm, as rows."""
    rows = []
    columns = _costs(evidence, arms)
    for number, arm in enumerate(arms, start=1):
        cells = evidence.results.of(arm=arm)
        model = [cell["config"]["model"] for cell in cells]
        apart = [_apart(evidence, cell) for cell in cells]
        settings = [
            wording.settings(one) if one else "nothing" for one in apart
        ]
        rows.append(
            [
                wording.code(arm),
                wording.span(str(_blocks(m)) for m in model),
                wording.span(str(m["num_layers"]) for m in model),
                *(column[number] for column in columns),
                wording.span(settings),
            ]
        )
    header = ["arm", "blocks", "layers", *(column[0] for column in columns)]
    header.append("differs from the base in")
    return wording.table(header, rows, texts=(0, len(header) - 1))


def _apart(evidence: Evidence, cell: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of a cell that the study's base has otherwise."""
    if evidence.study is None:
        return cell["settings"]
    base = evidence.study.base.to_dict()

    def of_base(name: str) -> Any:
        section, _, field = name.partition(".")
        return base[section].get(field)

    return {
        name: value
        for name, value in cell["settings"].items()
        if of_base(name) != value
    }


def _blocks(model: Mapping[str, Any]) -> int | str:
    """Returns the unique blocks of a stack, as far as its config says."""
    if model["num_blocks"] is None and model["sharing"] == "none":
        return model["num_layers"]
    return model["num_blocks"] or model["sharing"]


def _costs(evidence: Evidence, arms: Sequence[str]) -> list[list[str]]:
    """Returns rows of weights, FLOPs and time: first what it is.

    Sentences of other tasks are of other lengths: all are of the main task.
    """
    weights, ratios, minutes = [], [], []
    first = "vanilla" if "vanilla" in arms else arms[0]
    of_vanilla = evidence.cost(first, "flops_per_token")
    for arm in arms:
        weights.append(f"{evidence.cost(arm, 'weights'):,.0f}")
        ratio = evidence.cost(arm, "flops_per_token") / of_vanilla
        ratios.append(f" ({ratio:.2f}x)" if "vanilla" in arms else "")
        seconds = evidence.seconds(arm)
        minutes.append("–" if seconds is None else f"{seconds / 60:.1f}")
    token_unit, per_token = wording.in_common_unit(
        [evidence.cost(arm, "flops_per_token") for arm in arms]
    )
    unit, totals = wording.in_common_unit(
        [evidence.cost(arm, "flops") for arm in arms]
    )
    where = ""
    if len(evidence.results.tasks) > 1:
        where = f", {evidence.results.main_task}"
    updates = [f"{evidence.cost(arm, 'updates'):,.0f}" for arm in arms]
    return [
        [f"weights{where}", *weights],
        [f"updates{where}", *updates],
        [
            f"{token_unit} per target token{where}",
            *map("".join, zip(per_token, ratios, strict=True)),
        ],
        [f"{unit} of a training{where}", *totals],
        [f"minutes of a training{where}{_timed_seeds(evidence)}", *minutes],
    ]


def _timed_seeds(evidence: Evidence) -> str:
    """Returns the seeds whose minutes are shown, where they are not all."""
    results, task = evidence.results, evidence.results.main_task
    every = {cell["seed"] for cell in results.of(task)}
    timed = {
        cell["seed"]
        for arm in results.arms
        for cell in results.timed(task, arm)
    }
    if timed == every:
        return ""
    seeds = "seed" if len(timed) == 1 else "seeds"
    return f" ({seeds} {', '.join(map(str, sorted(timed)))})"


def _difference(difference: Difference | None) -> list[str]:
    if difference is None:
        return [NOT_RUN, "–"]
    value = wording.signed(difference.value)
    ends = wording.interval(difference.interval)
    return [f"{value} {ends}", difference.verdict]


def differences(evidence: Evidence, pairs: Sequence[tuple[str, str]]) -> str:
    """Returns differences of arms with both intervals, as rows.

    Args:
        evidence: of the study.
        pairs: system and baseline of each row; those that were not run are
            rows that say so.
    """
    rows = []
    for system, baseline in pairs:
        label = f"{wording.code(system)} - {wording.code(baseline)}"
        found = evidence.bootstrap.difference(system, baseline)
        if found is None:
            rows.append([label, NOT_RUN, *["–"] * 4])
            continue
        with_seeds = "one seed each"
        if found.seed_interval:
            with_seeds = wording.interval(found.seed_interval)
        rows.append(
            [
                label,
                wording.number_of(len(found.tasks), "task"),
                f"{wording.signed(found.value)} "
                f"{wording.interval(found.interval)}",
                found.direction,
                found.verdict,
                with_seeds,
            ]
        )
    header = [
        "difference",
        "mean over",
        "BLEU, 95% over sentences",
        "sign",
        f"verdict at {evidence.margin}",
        "95% over sentences and seeds",
    ]
    return wording.table(header, rows, texts=(0, 1, 3, 4))


def by_task(evidence: Evidence, pairs: Sequence[tuple[str, str]]) -> str:
    """Returns differences of arms, tasks as rows, pairs as columns.

    The last column is the part of the gain due to convergence.
    """
    found = [evidence.by_task(*pair) for pair in pairs]
    rows = []
    for task in evidence.results.tasks:
        row = [
            differences_lib.in_short(one[task])
            + (" †" if differences_lib.seeds_apart(one[task]) else "")
            if task in one
            else NOT_RUN
            for one in found
        ]
        share = evidence.bootstrap.convergence_share(tasks=[task])
        rows.append([task, *row, part_told(share) if share else NOT_RUN])
    header = ["task"] + [
        f"{wording.code(system)} - {wording.code(baseline)}"
        for system, baseline in pairs
    ]
    return wording.table([*header, "part due to convergence"], rows)


def cosines(evidence: Evidence) -> str:
    """Returns cosines of the uses' gradients over training, arms as rows.

    At equal numbers of tokens, as near as they were recorded, with their
    spread over seeds. Empty where none were.
    """
    task, results = evidence.results.main_task, evidence.results
    found = {
        arm: curves
        for arm in results.arms
        if (curves := use_gradients.cosines(results.of(task, arm)))
    }
    if not found:
        return ""
    recorded = [tokens for curves in found.values() for tokens, _ in curves]
    start = max(tokens[0] for tokens in recorded)
    end = min(tokens[-1] for tokens in recorded)
    moments = [start, (start + end) / 2, end]
    rows = [
        [
            wording.code(arm),
            *(
                wording.spread(
                    [
                        cosine[abs(tokens - moment).argmin()]
                        for tokens, cosine in curves
                    ],
                    digits=2,
                )
                for moment in moments
            ),
        ]
        for arm, curves in found.items()
    ]
    header = [f"after {wording.amount(one)}" for one in moments]
    return wording.table([f"cosine, {task}; target tokens", *header], rows)


def part_told(share: ConvergenceShare) -> str:
    """Returns `part`, and that it is of these trainings where it may be."""
    of_seeds = share.gain.seed_interval
    if share.value is not None and of_seeds and of_seeds.low <= 0:
        return f"{part(share)}; with other seeds not defined"
    return part(share)


def part(share: ConvergenceShare) -> str:
    """Returns `91% [77%, 105%]`, or that it is not defined."""
    if share.value is None or share.interval is None:
        return "not defined"
    low, high = (f"{end:.0%}" for end in share.interval)
    return f"{share.value:.0%} [{low}, {high}]".replace("-", "\N{MINUS SIGN}")
