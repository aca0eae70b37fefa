"""The report of a study, from its results alone: nothing is trained."""

import pathlib
from typing import NamedTuple

from shared_transformer_tf.study import whole_file
from shared_transformer_tf.study.plan import Study
from shared_transformer_tf.study.report import (
    chapters,
    limits,
    page,
    protocol,
    readme_block,
    result_set,
    wording,
)
from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.pictures import gallery


class Written(NamedTuple):
    """Where a report is.

    Attributes:
        markdown: `report.md`, with its pictures beside it.
        page: `report.html`, one file.
    """

    markdown: pathlib.Path
    page: pathlib.Path


def write(
    results_folder: str,
    output_folder: str,
    readme: str | None = None,
    study: Study | None = None,
    searches_folder: str | None = None,
) -> Written:
    """Writes the report of the results in a folder.

    The same results give the same bytes.

    Args:
        results_folder: the JSON files of one study.
        output_folder: takes `report.html`, `report.md` and pictures; may be
            the same.
        readme: a README whose block between `<!-- study:begin -->` and
            `<!-- study:end -->` is replaced by the main table and pictures.
        study: whose results they are; what of it has no result is listed,
            and its margin is taken.
        searches_folder: of the results of searches; `None`: that of the
            others.

    Returns:
        Where it was written.

    Raises:
        InputError: if the results are damaged, of several studies or of
            another one, or the README has no such block; nothing is written
            then.
    """
    if readme is not None:
        readme_block.check(pathlib.Path(readme))
    evidence = Evidence.of(
        result_set.load(results_folder, searches_folder), study
    )
    folder = pathlib.Path(output_folder)
    folder.mkdir(parents=True, exist_ok=True)
    pictures = gallery.draw(evidence, folder)
    written = Written(folder / "report.md", folder / "report.html")
    title = f"Convergence or complexity? The study {evidence.results.study}"
    text = _text(title, evidence, pictures)
    whole_file.write(written.markdown, text.replace(page.CONTENTS + "\n\n", ""))
    whole_file.write(written.page, page.render(text, title, folder))
    if readme is not None:
        path = pathlib.Path(readme)
        block = readme_block.replaced(path, evidence, pictures, folder)
        whole_file.write(path, block)
    return written


def _text(title: str, evidence: Evidence, pictures: dict[str, str]) -> str:
    results = evidence.results
    cells = results.of()
    opening = (
        "A Transformer that applies each of its blocks twice is deeper at "
        "equal weights. Where it translates better, is it because it computes "
        "more, or because its training converges better? "
        f"{wording.number_of(len(cells), 'training')} over "
        f"{wording.number_of(len(results.tasks), 'task')} and "
        f"{wording.number_of(len(results.arms), 'arm')}, and "
        f"{len(results.cells) - len(cells)} more at other learning rates. "
        "Written by a program from the results, whatever came out."
    )
    parts = [
        f"# {title}",
        opening,
        page.CONTENTS,
        chapters.abstract(evidence),
        chapters.questions(evidence),
        chapters.scores(evidence, pictures),
        chapters.complexity(evidence, pictures),
        chapters.learning(evidence, pictures),
        chapters.sweeps(evidence, pictures),
        chapters.gradients(evidence, pictures),
        chapters.rules(evidence, pictures),
        chapters.searches(evidence, pictures),
        protocol.protocol(evidence),
        limits.limits(evidence),
        protocol.gaps(evidence),
        protocol.cells(evidence),
    ]
    return "\n\n".join(parts) + "\n"
