"""Figures and names as a report writes them, in Markdown."""

import html
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean, stdev

_UNITS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def signed(value: float, digits: int = 2) -> str:
    """Returns `+0.12`, with a true minus sign below 0."""
    return f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def interval(ends: Sequence[float], digits: int = 2) -> str:
    """Returns `[-0.30, +0.05]`."""
    return f"[{', '.join(signed(end, digits) for end in ends)}]"


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Returns mean and standard deviation over seeds, `34.1 ± 0.2 (3)`.

    A single value stands alone.
    """
    mean = f"{fmean(values):.{digits}f}"
    if len(values) == 1:
        return mean
    return f"{mean} ± {stdev(values):.{digits}f} ({len(values)})"


def in_common_unit(values: Sequence[float]) -> tuple[str, list[str]]:
    """Returns a unit such as `MFLOPs` and each value in it, to 3 digits."""
    largest = max(values)
    size, unit = next((one for one in _UNITS if largest >= one[0]), (1.0, ""))
    shown = [f"{value / size:#.3g}".rstrip(".") for value in values]
    return f"{unit}FLOPs", shown


def amount(value: float) -> str:
    """Returns `1.09M` for large numbers, else the number."""
    for size, unit in _UNITS[3:]:
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def duration(seconds: float) -> str:
    """Returns `42 s`, `5.2 min` or `3.1 h`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def setting(value: object) -> str:
    """Returns a setting's value, `0.00304`, `none`."""
    if isinstance(value, float):
        return f"{value:.3g}"
    return str(value)


def settings(values: dict) -> str:
    """Returns `learning_rate 0.003, dropout 0.1`, without the seed."""
    shown = [
        f"{field.rpartition('.')[2]} {setting(value)}"
        for field, value in values.items()
        if field != "training.seed"
    ]
    return code(", ".join(shown)) if shown else "the base config's"


def code(text: str) -> str:
    """Returns text that no reader of Markdown takes for anything else."""
    if not set(text) & set("`|<>&\n"):
        return f"`{text}`"
    escaped = html.escape(" ".join(text.split()))
    for character in "|`*_[]":
        escaped = escaped.replace(character, f"&#{ord(character)};")
    return f"<code>{escaped}</code>"


def listed(names: Iterable[str]) -> str:
    """Returns names as code, `a, b`."""
    return ", ".join(code(name) for name in names)


def span(texts: Iterable[str]) -> str:
    """Returns the one text that all are, or the first and the last."""
    found = list(dict.fromkeys(texts))
    return found[0] if len(found) == 1 else f"{found[0]} to {found[-1]}"


def extent(values: Sequence[float], written: Callable[[float], str]) -> str:
    """Returns the smallest and the largest value, `2.4M to 2.5M`."""
    return span([written(min(values)), written(max(values))])


def distinct(values: Iterable[object]) -> str:
    """Returns the different values, `4, 5`, in their order."""
    return ", ".join(dict.fromkeys(map(str, values)))


def number_of(count: int, what: str) -> str:
    """Returns `1 task`, `8 tasks`."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    texts: Sequence[int] = (0,),
) -> str:
    """Returns a table.

    Args:
        header: of each column.
        rows: their cells.
        texts: numbers of the columns that hold text, aligned to the left;
            the others are aligned to the right.
    """
    numbers = range(len(header))
    marks = [":--" if number in texts else "--:" for number in numbers]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, marks, *rows))
