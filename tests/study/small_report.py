"""The report of a small study that nothing was trained for."""

from shared_transformer_tf.study.report import report
from tests.study import synthetic_study
from tests.study.synthetic_study import make_cell

NUM_SENTENCES = 40


def small_cells():
    return [
        make_cell(task, arm, seed, num_sentences=NUM_SENTENCES)
        for task in ("en-de", "de-en")
        for arm in ("vanilla", "shared", "tuned", "uses")
        for seed in ((1, 2) if task == "en-de" else (1,))
    ] + [
        make_cell("en-de", arm, 1, f"learning_rate_x{factor}")
        for arm in ("vanilla", "shared")
        for factor in ("0.5", "2")
    ]


def write(tmp_path, cells, searches=(), **options):
    results = synthetic_study.write(tmp_path / "results", cells, searches)
    written = report.write(results, str(tmp_path / "report"), **options)
    return written.markdown.read_text(), written.page.read_text()
