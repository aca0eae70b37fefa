r"""Trains the cells of a study, or goes on with it; says what it costs.

python bin/study.py --config=configs/study_multi30k.py --workdir=runs/study \
    --dry_run

Without --dry_run it trains; stopped anyhow, the same command goes on. With
--report it trains nothing and writes the report of the results that are there.
"""

import os
import sys
from collections.abc import Sequence

from absl import flags

from shared_transformer_tf import errors
from shared_transformer_tf.cli import command, config_flag

_MODES = ("dry_run", "plan", "report")
_CHOICES = ("tasks", "arms", "seeds", "variations")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code.

    Args:
        argv: the program's name and its arguments; `None`: `sys.argv`.
    """
    argv = sys.argv if argv is None else argv
    return command.run(__doc__, _define_flags, _study, argv)


def _define_flags(values: flags.FlagValues) -> None:
    for name, text in (
        ("config", "File of a study, or the name of a shipped one."),
        ("workdir", "Folder in which it trains."),
        ("results", "Folder of the results; unset: results/STUDY."),
        ("searches", "Folder of search.ARM.json; unset: results/STUDY."),
    ):
        flags.DEFINE_string(name, "", text, flag_values=values)
    for name in _CHOICES:
        flags.DEFINE_list(
            name,
            [],
            f"Those {name} only, with commas between; unset: all."
            + (" none names the plain cells." if name == "variations" else ""),
            flag_values=values,
        )
    flags.DEFINE_integer(
        "workers", 2, "Cells at a time, one processor each.", flag_values=values
    )
    flags.DEFINE_boolean(
        "dry_run",
        False,
        "Check everything, print cells and estimated hours, train nothing.",
        flag_values=values,
    )

    flags.DEFINE_boolean(
        "plan",
        False,
        "Print hours and memory on the study's large devices; reads no text.",
        flag_values=values,
    )
    flags.DEFINE_float(
        "tokens_per_second",
        0.0,
        "With --plan: target tokens/s of vanilla, measured on all devices.",
        lower_bound=0.0,
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "report",
        False,
        "Write report.html and report.md of the results beside them.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "readme",
        "",
        "With --report: the file whose block of the study is replaced.",
        flag_values=values,
    )


def _check_together(values: flags.FlagValues) -> None:
    for name, with_it in (("readme", "report"), ("tokens_per_second", "plan")):
        if values[name].value and not values[with_it].value:
            raise errors.InputError(
                f"--{name} acts with --{with_it} only: give both, or none."
            )
    modes = [name for name in _MODES if values[name].value]
    if len(modes) > 1:
        raise errors.InputError(
            f"--{modes[0]} and --{modes[1]} are different work: give one."
        )
    for name in (*_CHOICES, "workdir"):
        if values.report and values[name].value:
            raise errors.InputError(
                f"--report is of all cells and trains none: leave out --{name}."
            )
    if values.searches and not os.path.isdir(values.searches):
        raise errors.InputError(
            f"--searches={values.searches} is no folder: mend the name, or "
            "make it if searches are still to come."
        )


def _study(values: flags.FlagValues) -> None:
    command.require(values, "config")
    _check_together(values)
    if not (values.report or values.plan):
        command.require(values, "workdir")
    from shared_transformer_tf.study import found_settings, plan, selection
    from shared_transformer_tf.study.run import checks, runner
    from shared_transformer_tf.study.run.cell_process import Order, StudyFolder

    study_file = config_flag.find(values.config)
    study = plan.load(study_file, values.config)
    committed = os.path.join("results", study.name)
    results = values.results or committed
    searches = values.searches or committed
    if values.report:
        found = found_settings.read(searches, study)
        # refuses what was trained with other settings than the study has now
        selection.Selection(study).state(results, found)
        _report(study, results, searches, values.readme)
        return
    chosen = selection.Selection(
        study,
        values.tasks,
        values.arms,
        _numbers(values.seeds),
        values.variations,
    )
    chosen.check()
    if values.plan:
        _print_plan(chosen, values.tokens_per_second)
        return
    processors = runner.choose_processors(values.workers, study.strategy)
    found = found_settings.read(searches, study)
    order = Order(
        str(study_file),
        StudyFolder(values.workdir),
        results,
        found,
    )
    state = checks.check(chosen, order)
    if values.dry_run:
        _print_estimate(chosen, state, order, processors)
    for line in runner.describe_waiting(study, state.waiting, searches):
        print(line, file=sys.stderr)
    if not values.dry_run:
        _train(runner.StudyRunner(chosen, order, searches, processors))


def _report(study, results: str, searches: str, readme: str) -> None:
    from shared_transformer_tf.study.report import report

    written = report.write(results, results, readme or None, study, searches)
    print(f"Written: {written.markdown}, {written.page}")


def _print_estimate(chosen, state, order, processors) -> None:
    from shared_transformer_tf.study.cost import estimate, speeds
    from shared_transformer_tf.study.run import runner

    study = chosen.study
    if study.strategy != "none":
        print(estimate.describe_cells(study, state))
        return
    rows = estimate.make_rows(
        chosen,
        state,
        order.found,
        lambda configs, paces: speeds.survey(
            configs,
            paces,
            order.folder,
            runner.choose_processors(1)[0],
            study.sentence_tokens,
        ),
    )
    print(estimate.describe(study, rows, state, len(processors)))


def _print_plan(chosen, tokens_per_second: float) -> None:
    from shared_transformer_tf.study.cost import estimate, scale, speeds
    from shared_transformer_tf.study.run import runner

    study = chosen.study
    if not study.devices:
        raise errors.InputError(
            f"The study {study.name} names no large devices for --plan: its "
            "hours are told by --dry_run."
        )
    costs = estimate.make_costs(
        chosen,
        lambda configs: speeds.sizes(
            configs, runner.choose_processors(1)[0], study.sentence_tokens
        ),
    )
    tokens = study.search_trials * study.search_tokens
    needed = {study.arm(cost.name).search for cost in costs if cost.cells}
    searches = [(arm, tokens) for arm in study.searches if arm in needed]
    print(scale.describe(costs, study.devices, searches, tokens_per_second))


def _train(study_runner) -> None:
    failed = study_runner.run()
    if failed:
        raise errors.InputError(
            f"Cells failed, {len(failed)}: {', '.join(failed)}. Mend what "
            "is said above; the same command trains again."
        )


def _numbers(seeds: Sequence[str]) -> list[int]:
    for seed in seeds:
        if not seed.isdecimal():
            raise errors.InputError(
                f"--seeds has {seed!r}, expected whole numbers."
            )
    return [int(seed) for seed in seeds]
