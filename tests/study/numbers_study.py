"""The text of a study that trains in seconds, on the embedded numbers."""

STUDY = """
from shared_transformer_tf.config import Config
from shared_transformer_tf.study.cells import CellGroup
from shared_transformer_tf.study.plan import Study
from tests.small_run import small


def get_study():
    base = small(
        max_steps=0, max_tokens=600, evaluate_every_tokens=300,
        learning_rate=1e-2, diagnose_every=2, log_every=1, save_every=2,
        deterministic=False,
    )
    base.model.num_blocks, base.model.sharing = None, "none"
    base.data.max_length = 40
    return Study(
        name="numbers_study",
        base=base,
        groups=(
            CellGroup(("en-de",), ("vanilla", "shared", "tuned")),
            CellGroup(
                ("en-de",), ("vanilla",), rate_factors=(0.5, 2.0),
                extended=True,
            ),
        ),
        search_tokens=200,
        search_trials=3,
    )
"""


def write(folder, text=STUDY):
    """Writes the study's file into a folder and returns its path."""
    path = folder / "numbers_study.py"
    path.write_text(text, encoding="utf-8")
    return str(path)
