"""Text as Moses' scripts leave it: lower case, plain punctuation, tokens.

Older papers score BLEU on such text: the tokens stand between spaces.
"""

import os
import pathlib
from collections.abc import Callable, Sequence

import sacremoses

from shared_transformer_tf.data import corpus
from shared_transformer_tf.errors import InputError

_MISSING = "@@"  # how Multi30k writes a translation that is not there


class MosesTokenizer:
    """Lower-cases, normalises punctuation and tokenises lines of a language.

    Characters such as quotes stay what they are (no `&quot;`), and words with
    a hyphen one token.

    Args:
        language: its code; one that Moses has no rules for is taken as
            English.

    Example:
    >>> MosesTokenizer("en")("A man’s hat, well-worn.")
    "a man 's hat , well-worn ."
    """

    def __init__(self, language: str):
        self._normalizer = sacremoses.MosesPunctNormalizer(lang=language)
        self._tokenizer = sacremoses.MosesTokenizer(lang=language)

    def __call__(self, line: str) -> str:
        """Returns the tokens of a line with spaces between them."""
        if line.strip() == _MISSING:
            return _MISSING
        normalized = self._normalizer.normalize(line.lower())
        return self._tokenizer.tokenize(
            normalized, escape=False, return_str=True
        )


def prepare(
    source: str | os.PathLike,
    output: str | os.PathLike,
    splits: Sequence[str],
    languages: Sequence[str],
    tell: Callable[[str, int, int], None],
) -> None:
    """Writes tokenised text as `SPLIT.LANGUAGE` into a folder.

    Args:
        source: folder of `SPLIT.LANGUAGE`, plain or .gz.
        output: another folder; its files of these names are replaced.
        splits: names.
        languages: codes.
        tell: called with the name of each file, its lines and its tokens.

    Raises:
        InputError: if a file is missing, before anything is written, or is
            not UTF-8 text.
    """
    source, output = pathlib.Path(source), pathlib.Path(output)
    if output.resolve() == source.resolve():
        raise InputError(
            f"The text would be written over itself in {source}: name another "
            "folder with --output."
        )
    names = {
        f"{split}.{language}": language
        for language in languages
        for split in splits
    }
    files = {name: _find(source, name) for name in names}
    output.mkdir(parents=True, exist_ok=True)
    for name, path in files.items():
        tokenize = MosesTokenizer(names[name])
        lines = [tokenize(line) for line in corpus.read_lines(path)]
        partial = output / f"{name}.partial"
        partial.write_text(
            "".join(f"{line}\n" for line in lines), encoding="utf-8"
        )
        partial.replace(output / name)
        tell(name, len(lines), sum(len(line.split()) for line in lines))


def _find(folder: pathlib.Path, name: str) -> pathlib.Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise InputError(
        f"There is neither {name} nor {name}.gz in {folder}: mend --source, "
        "--languages or --splits."
    )
