"""How a study was run, checked against its results; and what was not run."""

from collections import Counter
from collections.abc import Callable, Iterable

from shared_transformer_tf.config import Config
from shared_transformer_tf.evaluation import significance
from shared_transformer_tf.study.report import (
    joint_bootstrap,
    result_set,
    wording,
)
from shared_transformer_tf.study.report.evidence import Evidence
from shared_transformer_tf.study.report.result_set import Result
from shared_transformer_tf.study.report.wording import distinct, extent

# Target tokens of the arms of a task may differ by the last batch.
_SAME_BUDGET = 0.02
# What a reader asks of a base first.
_STANDARD = {
    "tokenizer": ("vocabulary_size",),
    "data": ("batch_tokens",),
    "model": (
        "num_layers",
        "hidden_dim",
        "num_heads",
        "intermediate_dim",
        "normalization",
        "dropout",
        "attention_dropout",
        "activation_dropout",
    ),
    "training": (
        "optimizer",
        "learning_rate",
        "schedule",
        "warmup_steps",
        "beta_2",
        "clip_norm",
        "label_smoothing",
        "keep_best",
        "precision",
    ),
}


def protocol(evidence: Evidence) -> str:
    """Returns what was equal over arms, budgets, versions, signatures."""
    cells = evidence.results.of()
    lines = [
        _budgets(evidence),
        _equal(
            evidence,
            "vocabulary",
            lambda cell: cell["config"]["tokenizer"],
            "vocabulary",
        ),
        _equal(evidence, "text and its order", _text, "text"),
        _standard(evidence),
        "Settings were chosen by dev scores alone"
        + _searched(evidence)
        + ". Each cell translated the "
        "test set at its end, with the average of its best checkpoints by "
        "dev score; no choice was made by test scores.",
        *(evidence.study.history if evidence.study else ()),
        f"Test sentences: {distinct(c['test']['sentences'] for c in cells)}; "
        f"search: beam {distinct(_decoding(c, 'beam_size') for c in cells)}.",
        f"Bootstrap: {joint_bootstrap.NUM_SAMPLES:,} draws, seed 1, "
        f"{significance.LEVEL:.0%} percentile intervals; sacreBLEU's counts, "
        "resampled by this package for all tasks and arms at once.",
        f"Signatures: {_signatures(cells)}.",
        f"Versions: {wording.listed(sorted(_versions(cells)))}.",
        _processors(evidence),
        f"Study `{evidence.results.study}`, fingerprint "
        f"{distinct(wording.code(c['study_fingerprint']) for c in cells)}.",
    ]
    return "## Protocol\n\n" + "\n".join(f"* {line}" for line in lines if line)


def gaps(evidence: Evidence) -> str:
    """Returns what was planned, or would be needed, and was not run."""
    title = "## What was not run\n\n"
    if evidence.planned is not None:
        text = f"All {len(evidence.planned)} planned cells were run."
        if evidence.missing:
            text = (
                f"{len(evidence.missing)} of {len(evidence.planned)} planned "
                f"cells: {wording.listed(evidence.missing)}."
            )
        if evidence.missing_searches:
            searches = wording.listed(evidence.missing_searches)
            text += f" There are no results of searches for {searches}."
        return title + text
    lacking = [
        f"{task}.{arm}"
        for task in evidence.results.tasks
        for arm in result_set.MAIN_ARMS
        if not evidence.bootstrap.seeds(task, arm)
    ]
    text = (
        "The plan of the study was not given to this report. Of the tasks "
        "that were run x the main arms, "
    )
    if not lacking:
        return f"{title}{text}nothing is missing."
    return f"{title}{text}missing: {wording.listed(lacking)}."


def cells(evidence: Evidence) -> str:
    """Returns every cell with its figures and its command."""
    rows = []
    for cell in evidence.results.cells:
        test = cell.get("test") or {}
        rows.append(
            [
                wording.code(result_set.name(cell)),
                *(_figure(test.get(key)) for key in ("bleu", "chrf", "ter")),
                _figure(cell["dev"].get("bleu")),
                f"{cell['tokens']:,.0f}",
                f"{cell['updates']:,}",
                f"{cell['seconds']:,.0f}",
                wording.code(cell["command"]),
            ]
        )
    header = [
        "cell",
        "BLEU",
        "chrF",
        "TER",
        "dev BLEU",
        "target tokens",
        "updates",
        "seconds",
        "trained again by",
    ]
    number = wording.number_of(len(rows), "cell")
    return (
        "## Every cell, and its command\n\n"
        f'<details markdown="1"><summary>{number}</summary>\n\n'
        f"{wording.table(header, rows, (0, 8))}\n\n</details>"
    )


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _budgets(evidence: Evidence) -> str:
    unequal, told = [], []
    for task in evidence.results.tasks:
        tokens = [cell["tokens"] for cell in evidence.results.of(task)]
        low, high = min(tokens), max(tokens)
        told += [low, high]
        if high > (1 + _SAME_BUDGET) * low:
            unequal.append(
                f"{task} ({wording.amount(low)} to {wording.amount(high)})"
            )
    text = f"Budget: {extent(told, wording.amount)} target tokens in every cell"
    if unequal:
        return (
            f"{text}. **Not equal over the arms of a task**: "
            f"{', '.join(unequal)}; their scores compare unequal trainings."
        )
    return f"{text}, the same for all arms of a task up to the last batch."


def _equal(
    evidence: Evidence,
    what: str,
    settings: Callable[[Result], object],
    hashed: str,
) -> str:
    """Says of something whether all arms of a task had the same.

    Args:
        evidence: of the study.
        what: it is, in words.
        settings: of it in a cell.
        hashed: the name of its hash, which cells may lack.
    """
    unequal, lacking = [], 0
    for task in evidence.results.tasks:
        cells = evidence.results.of(task)
        hashes = [c.get("fingerprints", {}).get(hashed) for c in cells]
        lacking += hashes.count(None)
        different = set(hashes) - {None}
        if len(different) > 1 or any(
            settings(cell) != settings(cells[0]) for cell in cells
        ):
            unequal.append(task)
    if unequal:
        return f"**Not the same {what} in all arms** of {', '.join(unequal)}."
    by = "settings and hash"
    if lacking:
        number = wording.number_of(lacking, "cell")
        by = f"settings alone for {number} without a hash"
    return f"The same {what} in all arms of a task, by {by}."


def _searched(evidence: Evidence) -> str:
    tasks = distinct(one["task"] for one in evidence.results.searches.values())
    return f", on {tasks}, and carried over to other tasks" if tasks else ""


def _text(cell: Result) -> dict:
    # A batch is cut from the sentence order, which the seed alone decides.
    return {
        field: value
        for field, value in cell["config"]["data"].items()
        if field not in ("batch_tokens", "num_buckets")
    }


def _standard(evidence: Evidence) -> str:
    """Says what `vanilla` is, which other arms are told apart from."""
    cells = evidence.results.of(evidence.results.main_task, "vanilla")
    if not cells:
        return ""
    config = Config.from_dict(cells[0]["config"]).to_dict()
    told = {
        name: config[section][name]
        for section, names in _STANDARD.items()
        for name in names
    }
    return f"Settings of `vanilla`: {wording.settings(told)}."


def _decoding(cell: Result, field: str) -> object:
    return cell["config"]["decoding"].get(field)


def _processors(evidence: Evidence) -> str:
    results = evidence.results
    found = Counter(map(result_set.trained_on, results.cells))
    told = [
        f"{wording.code(kind) if kind else 'a kind that was not recorded'}, "
        f"{wording.number_of(processors, 'processor core')} per cell "
        f"({wording.number_of(number, 'cell')})"
        for (kind, processors), number in found.items()
    ]
    text = f"Trained on {'; '.join(told)}."
    if len(found) == 1:
        return text
    by_seed: dict[int, set] = {}
    for cell in results.of(results.main_task):
        kinds = by_seed.setdefault(cell["seed"], set())
        kinds.add(result_set.trained_on(cell))
    if len(set(map(frozenset, by_seed.values()))) > 1:
        text += (
            f" On {results.main_task} that differs with the seed, so the "
            "spread of seeds has it in it."
        )
    if tasks := _tasks_of_several_kinds(results):
        text += (
            f" In {', '.join(tasks)} some arms of a seed are noted as of "
            "another kind than others, or as of one while others tell none: "
            "differences of these may have it in them."
        )
    return text + (
        " Minutes are of cells on one of these alone, that on which most arms "
        "of the task were trained; of cells that do not tell, they may be of "
        "several. Processors differ in how they round: a cell trained again "
        "on another kind is another draw, as with another seed."
    )


def _tasks_of_several_kinds(results: result_set.ResultSet) -> list[str]:
    kinds: dict[tuple[str, int], set] = {}
    for cell in results.of():
        of_seed = kinds.setdefault((cell["task"], cell["seed"]), set())
        of_seed.add(result_set.trained_on(cell)[0])
    several = [task for (task, _), found in kinds.items() if len(found) > 1]
    return list(dict.fromkeys(several))


def _signatures(cells: Iterable[Result]) -> str:
    found = [
        f"{metric} {wording.code(signature)}"
        for cell in cells
        for metric, signature in cell["test"].get("signatures", {}).items()
    ]
    return distinct(found)


def _versions(cells: Iterable[Result]) -> set[str]:
    return {
        f"{name} {version}"
        for cell in cells
        for name, version in cell["versions"].items()
    }
