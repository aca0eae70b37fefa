"""What the README shows of a study, between two marks."""

import os
import pathlib
from collections.abc import Mapping

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study.report import findings, tables
from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.pictures.gallery import PICTURES

BEGIN = "<!-- study:begin -->"
END = "<!-- study:end -->"
_SHOWN = ("verdicts", "complexity")
_NUM_FINDINGS = 4


def check(readme: pathlib.Path) -> None:
    """Checks that a README has room for the block.

    Raises:
        InputError: if it does not exist or has not each mark once, in order.
    """
    if not readme.is_file():
        raise InputError(f"There is no README {readme}: name another, or none.")
    text = readme.read_text(encoding="utf-8")
    marks = [text.count(mark) for mark in (BEGIN, END)]
    if marks != [1, 1] or text.index(BEGIN) > text.index(END):
        raise InputError(
            f"{readme} needs one line {BEGIN} and after it one line {END}; "
            "what is between them is replaced."
        )


def replaced(
    readme: pathlib.Path,
    evidence: Evidence,
    pictures: Mapping[str, str],
    folder: pathlib.Path,
) -> str:
    """Returns the README's text with a new block.

    Args:
        readme: checked.
        evidence: of the study.
        pictures: file names of those that were drawn.
        folder: where they and the report lie.
    """
    text = readme.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    path = pathlib.Path(
        os.path.relpath(folder.resolve(), readme.resolve().parent)
    ).as_posix()
    return f"{before}{BEGIN}\n{_block(evidence, pictures, path)}\n{END}{after}"


def _block(evidence: Evidence, pictures: Mapping[str, str], path: str) -> str:
    answers = [
        one.answer
        for one in findings.findings(evidence)[:_NUM_FINDINGS]
        if one.answer
    ]
    answers += findings.warnings(evidence)
    parts = ["\n".join(f"* {answer}" for answer in answers)]
    if evidence.main_arms:
        parts.append(tables.scores(evidence, evidence.main_arms))
    parts += [
        f"![{PICTURES[name].caption}]({path}/{pictures[name]})"
        for name in _SHOWN
        if name in pictures
    ]
    parts.append(
        f"All of it, with protocol, limits and the command of each number: "
        f"[{path}/report.md]({path}/report.md), and as one page "
        f"[report.html]({path}/report.html)."
    )
    return "\n\n".join(part for part in parts if part)
