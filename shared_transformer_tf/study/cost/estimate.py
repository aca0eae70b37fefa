"""What a study is going to cost, before it is begun: a table."""

import collections
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from statistics import median

from shared_transformer_tf import cpu
from shared_transformer_tf.config import Config
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study.cells import Cell
from shared_transformer_tf.study.cost.scale import ArmCost
from shared_transformer_tf.study.cost.speeds import Speed
from shared_transformer_tf.study.plan import Study
from shared_transformer_tf.study.selection import Selection, State

_HOUR = 3600


@dataclasses.dataclass(frozen=True)
class Row:
    """The cells of an arm that are alike.

    Attributes:
        name: of the arm.
        config: of one of them.
        cells: of the arm; none where others need its search only.
        speed: of the model.
        measured: whether the speed is that of results of this arm, on
            processors of this kind.
    """

    name: str
    config: Config
    cells: list[Cell]
    speed: Speed
    measured: bool


def make_rows(
    selection: Selection,
    state: State,
    found: Mapping[str, Mapping],
    survey: Callable[[Sequence[Config], Sequence[float | None]], list[Speed]],
) -> list[Row]:
    """Returns a row for each arm, with its speed.

    Cells that wait for a search are taken to have the standard settings.

    Args:
        selection: cells of a study.
        state: of them.
        found: settings by the arm that they were searched for.
        survey: measures the models of configs, whose target tokens per
            second it is given where they are known.
    """
    study = selection.study
    cells = _by_arm(study, state)
    examples = {arm: of_arm[0] for arm, of_arm in cells.items() if of_arm}
    for arm, cell in list(examples.items()):
        if (search := study.arm(arm).search) and study.search_tokens:
            searched = dataclasses.replace(cell, arm=search, rate_factor=1.0)
            examples.setdefault(search, searched)
    assumed = {arm: found.get(arm, {}) for arm in study.searches}
    configs = {
        arm: study.config(cell, assumed) for arm, cell in examples.items()
    }
    paces = [_pace(state, cells.get(arm, [])) for arm in examples]
    speeds = survey(list(configs.values()), paces)
    return [
        Row(arm, configs[arm], cells.get(arm, []), speed, pace is not None)
        for arm, speed, pace in zip(examples, speeds, paces, strict=True)
    ]


def _pace(state: State, cells: Sequence[Cell]) -> float | None:
    """Returns tokens per second of results of this kind of processor."""
    seconds = [
        state.done[cell]["seconds_per_token"]
        for cell in cells
        if cell in state.done
        and not state.done[cell].get("diverged")
        and state.done[cell].get("processor_kind") == cpu.describe()
    ]
    return 1 / median(seconds) if seconds else None


def _by_arm(study: Study, state: State) -> dict[str, list[Cell]]:
    cells: dict[str, list[Cell]] = {name: [] for name in study.arms}
    for cell in [*state.done, *state.ready, *state.waiting]:
        cells[cell.arm].append(cell)
    return cells


def make_costs(
    selection: Selection,
    sizes: Callable[[Sequence[Config]], list[tuple[int, float]]],
) -> list[ArmCost]:
    """Returns what each arm costs, all with the standard settings.

    Besides arms with cells these are arms that only a search is made for, and
    `vanilla`, whose speed may be known.

    Args:
        selection: cells of a study.
        sizes: returns weights and FLOPs per token of the models of configs.

    Raises:
        InputError: if no cell of the study itself is asked for.
    """
    study = selection.study
    cells: dict[str, list[Cell]] = {}
    for cell in filter(selection.has, study.cells()):
        cells.setdefault(cell.arm, []).append(cell)
    searches = filter(None, (study.arm(arm).search for arm in cells))
    arms = list(dict.fromkeys(["vanilla", *cells, *searches]))
    assumed: dict[str, dict] = {arm: {} for arm in study.searches}
    if not cells:
        raise InputError(
            "A plan has the cells of the study alone, not those that its "
            "sweeps may be extended by: name other --variations."
        )
    example = next(iter(cells.values()))[0]
    configs = [
        study.config(dataclasses.replace(example, arm=arm), assumed)
        for arm in arms
    ]
    found = zip(arms, configs, sizes(configs), strict=True)
    return [
        ArmCost(
            arm,
            config.model.num_layers,
            *size,
            len(cells.get(arm, [])),
            config.data.batch_tokens,
            config.training.max_tokens,
        )
        for arm, config, size in found
    ]


def describe(
    study: Study, rows: Sequence[Row], state: State, workers: int
) -> str:
    """Returns tables of arms and of cells, and the hours of it all.

    Args:
        study: of the rows.
        rows: of `make_rows`.
        state: of the cells.
        workers: cells at a time.
    """
    tokens = study.base.training.max_tokens
    lines = [
        f"{study.name}: {tokens:,} target tokens for each cell, margin "
        f"{study.margin} BLEU",
        "",
        f"{'arm':17}{'layers':>6}{'blocks':>7}{'weights':>10}"
        f"{'MFLOPs/token':>13}{'tokens/s':>10} {'by':8}{'cells':>5}{'done':>5}"
        f"{'hours':>7}",
    ]
    hours = {row.name: _hours(study, row.speed, tokens) for row in rows}
    for row in filter(lambda row: row.cells, rows):
        done = sum(cell in state.done for cell in row.cells)
        lines.append(
            f"{row.name:17}{row.config.model.num_layers:>6}"
            f"{row.config.model.num_blocks or row.config.model.num_layers:>7}"
            f"{row.speed.weights:>10,}"
            f"{row.speed.flops_per_token / 1e6:>13.2f}"
            f"{row.speed.tokens_per_second:>10,.0f} "
            f"{'results' if row.measured else 'timing':8}"
            f"{len(row.cells):>5}{done:>5}"
            f"{hours[row.name] * len(row.cells):>7.1f}"
        )
    searched = _searches(study, rows)
    missing = set(searched) - set(state.found)
    for arm, needed in searched.items():
        lines.append(
            f"search for {arm:40}{study.search_tokens:>15,} tokens"
            f"{study.search_trials:>5} trials{needed:>5.1f}"
            f"{'' if arm in missing else ', done'}"
        )
    left = sum(hours[cell.arm] for cell in [*state.ready, *state.waiting])
    left += sum(searched.get(arm, 0.0) for arm in missing)
    total = sum(hours[row.name] * len(row.cells) for row in rows)
    together = total + sum(searched.values())
    lines += [
        "",
        *_cells_by_task({row.name: row.cells for row in rows}, state),
        "",
        f"Hours are those of one processor; on {workers}, side by side: "
        f"{together / workers:.1f} in all, {left / workers:.1f} of what is "
        f"left. MFLOPs: forward and backward, sentences of "
        f"{study.sentence_tokens} tokens. Each cell: "
        f"{study.overhead_seconds:.0f} s besides its updates."
        + _extended(study),
    ]
    return "\n".join(lines)


def _extended(study: Study) -> str:
    groups = [group for group in study.groups if group.extended]
    tasks = dict.fromkeys(task for group in groups for task in group.tasks)
    if not tasks:
        return ""
    return (
        f" Sweeps on {', '.join(tasks)} whose best rate is at an edge get "
        "further cells."
    )


def _hours(study: Study, speed: Speed, tokens: int) -> float:
    seconds = tokens / speed.tokens_per_second + study.overhead_seconds
    return seconds / _HOUR


def _searches(study: Study, rows: Sequence[Row]) -> dict[str, float]:
    """Hours of each search that the rows need, if no trial ends early."""
    needed = {study.arm(row.name).search for row in rows if row.cells}
    return {
        row.name: study.search_trials
        * _hours(study, row.speed, study.search_tokens)
        for row in rows
        if row.name in needed and study.search_tokens
    }


def describe_cells(study: Study, state: State) -> str:
    """Returns the cells alone: hours of many devices are those of a plan."""
    return "\n".join(
        [
            *_cells_by_task(_by_arm(study, state), state),
            "",
            f"Cells are trained with strategy {study.strategy}, of which no "
            "speed is known here: --plan has weights, FLOPs, memory and hours.",
        ]
    )


def _cells_by_task(
    cells: Mapping[str, Sequence[Cell]], state: State
) -> list[str]:
    arms = [arm for arm, of_arm in cells.items() if of_arm]
    counts: dict[str, collections.Counter] = {}
    for arm in arms:
        for cell in cells[arm]:
            here = counts.setdefault(cell.task, collections.Counter())
            here[arm] += 1
            here[arm, "done"] += cell in state.done
    width = max(map(len, arms)) + 1
    lines = ["cells done and in all, by task and arm"]
    for start in range(0, len(arms), 4):
        part = arms[start : start + 4]
        lines.append(f"{'task':6}" + "".join(f"{a:>{width}}" for a in part))
        for task, here in counts.items():
            shown = [
                f"{here[arm, 'done']}/{here[arm]}" if here[arm] else "-"
                for arm in part
            ]
            lines.append(
                f"{task:6}" + "".join(f"{one:>{width}}" for one in shown)
            )
    return lines
