"""The picture of the schedules: which block each layer uses.

python -m shared_transformer_tf.picture results/schedules.png
"""

import sys

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.schedule import make_schedule

SHOWN = (
    ("none", 6),
    ("universal", 1),
    ("sequence", 3),
    ("cycle", 3),
    ("cycle_rev", 3),
    ("sandwich", 3),
)
LAYERS = 6


def draw_schedules(path: str) -> None:
    """Draws a row of coloured boxes for each strategy.

    Args:
        path: of the picture; the ending says the format.
    """
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7.2, 3.4), layout="constrained")
    colours = matplotlib.colormaps["Set2"]
    for row, (strategy, blocks) in enumerate(SHOWN):
        schedule = make_schedule(strategy, LAYERS, blocks)
        for depth, block in enumerate(schedule):
            axes.add_patch(
                pyplot.Rectangle(
                    (depth + 0.55, row - 0.4),
                    0.9,
                    0.8,
                    facecolor=colours(block),
                    edgecolor="0.3",
                )
            )
            axes.text(
                depth + 1, row, str(block), ha="center", va="center", size=11
            )
    labels = [
        f"{name} ({blocks} block{'s' if blocks > 1 else ''})"
        for name, blocks in SHOWN
    ]
    axes.set_yticks(range(len(SHOWN)), labels)
    axes.set_xticks(range(1, LAYERS + 1))
    axes.set(
        xlim=(0.4, LAYERS + 0.6),
        ylim=(len(SHOWN) - 0.4, -0.6),
        xlabel="layer, from the input upwards",
        title="Which block each of 6 layers uses",
    )
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def main(arguments: list[str]) -> None:
    """Draws into the file that the first argument names."""
    if len(arguments) != 1:
        raise InputError(
            "Name one file: python -m shared_transformer_tf.picture FILE.png"
        )
    draw_schedules(arguments[0])


if __name__ == "__main__":
    main(sys.argv[1:])
