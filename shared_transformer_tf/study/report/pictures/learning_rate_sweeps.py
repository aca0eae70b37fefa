"""Dev BLEU by learning rate, for each arm."""

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from shared_transformer_tf.study.report import learning_rates
from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.pictures import style

_MOST_ABREAST = 20  # beyond that, figures of rates do not fit side by side


def of_main_task(evidence: Evidence) -> Figure | None:
    """Returns the sweeps of the main task, if there are any."""
    task = evidence.results.main_task
    sweeps = learning_rates.sweeps(evidence.results, [task])
    if not sweeps:
        return None
    columns = 3
    rows = -(-len(sweeps) // columns)
    drawn = style.figure(0.9 + 2.1 * rows)
    grid = drawn.subplots(rows, columns, squeeze=False, sharey=True)
    looks = style.looks(evidence.results.arms)
    for axes, sweep in zip(grid.flat, sweeps, strict=False):
        look = looks[sweep.arm]
        axes.plot(
            sweep.rates,
            sweep.bleu,
            color=look.colour,
            linestyle=look.line,
            marker=look.marker,
            markersize=5,
        )
        if sweep.used:
            place = sweep.rates.index(sweep.used)
            axes.plot(
                sweep.used,
                sweep.bleu[place],
                "o",
                markersize=12,
                fillstyle="none",
                color="black",
            )
        edge = " (at edge)" if sweep.at_edge else ""
        style.tidy(axes, sweep.arm + edge, "")
        axes.set_xscale("log", base=2)
    _finish(drawn, grid, len(sweeps), task)
    return drawn


def _finish(drawn: Figure, grid, num_sweeps: int, task: str) -> None:
    used = list(grid.flat)[:num_sweeps]
    for axes in list(grid.flat)[num_sweeps:]:
        axes.set_axis_off()
    swept = [list(axes.get_lines()[0].get_xdata()) for axes in used]
    lowest = min(min(rates) for rates in swept)
    highest = max(max(rates) for rates in swept)
    turned = 90 if highest > _MOST_ABREAST * lowest else 0
    for axes, rates in zip(used, swept, strict=True):
        axes.set_xlim(lowest / 1.3, highest * 1.3)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticks(
            rates, [f"{1000 * one:.3g}" for one in rates], rotation=turned
        )
    used[0].margins(y=0.15)
    drawn.supxlabel("highest learning rate, in thousandths", fontsize=10)
    drawn.supylabel("dev BLEU", fontsize=10)
    drawn.suptitle(
        f"Learning-rate sweeps, {task}; circled: what the arm's own cells use;"
        "\nat edge: the best rate is the lowest or the highest of its sweep"
    )
