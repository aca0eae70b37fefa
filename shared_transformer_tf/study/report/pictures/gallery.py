"""All pictures of a report, by the name of their file."""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

from matplotlib.figure import Figure

from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.pictures import (
    complexity,
    forest,
    learning_curves,
    learning_rate_sweeps,
    searches,
    style,
    use_gradients,
)


class Picture(NamedTuple):
    """One picture.

    Attributes:
        caption: what it shows, for those who do not see it.
        draw: returns it, or `None` where nothing of it was run.
    """

    caption: str
    draw: Callable[[Evidence], Figure | None]


PICTURES = {
    "verdicts": Picture(
        "BLEU of tuned minus BLEU of shared by task, with intervals",
        forest.tuned_against_shared,
    ),
    "complexity": Picture(
        "Test BLEU of each arm against FLOPs per token",
        complexity.bleu_by_flops,
    ),
    "learning_curves": Picture(
        "Dev BLEU by updates, tokens, FLOPs and minutes",
        learning_curves.of_main_task,
    ),
    "learning_curves_by_task": Picture(
        "Dev BLEU over FLOPs for every task", learning_curves.of_all_tasks
    ),
    "training": Picture(
        "Training loss and gradient norm", learning_curves.of_training
    ),
    "learning_rates": Picture(
        "Dev BLEU by learning rate for each arm",
        learning_rate_sweeps.of_main_task,
    ),
    "use_gradients": Picture(
        "Norms of each use's gradient and their cosines in shared",
        use_gradients.of_shared,
    ),
    "cosines": Picture(
        "Cosine between the gradients of uses for each arm",
        use_gradients.of_arms,
    ),
    "ablation_curves": Picture(
        "Dev BLEU of shared and its ablations over tokens",
        learning_curves.of_ablations,
    ),
    "ablations": Picture(
        "BLEU of each ablation minus BLEU of shared, with intervals",
        forest.ablations,
    ),
    "searches": Picture(
        "Trials of each search, of those stopped early the score then, and "
        "importance of settings",
        searches.trials_and_importance,
    ),
}


def draw(evidence: Evidence, folder: pathlib.Path) -> dict[str, str]:
    """Writes every picture that there are results for.

    Args:
        evidence: of the study.
        folder: takes `NAME.png`; pictures of an earlier report that there is
            nothing to show in any more are removed.

    Returns:
        File names by the names of the pictures that were drawn.
    """
    drawn = {}
    for name, picture in PICTURES.items():
        path = folder / f"{name}.png"
        figure = picture.draw(evidence)
        if figure is None:
            path.unlink(missing_ok=True)
        else:
            style.save(figure, path)
            drawn[name] = path.name
    return drawn
