"""What came out of a search: table, files, the best config."""

import csv
import dataclasses
import io
from typing import Any

from shared_transformer_tf.config import Config
from shared_transformer_tf.study import settings, whole_file
from shared_transformer_tf.study.search import importance
from shared_transformer_tf.study.search.folder import (
    COMPLETED,
    Outcome,
    SearchFolder,
    write_json,
)
from shared_transformer_tf.study.search.settings import SearchSettings

FORMAT = 1


@dataclasses.dataclass(frozen=True)
class SearchResults:
    """The trials of a search that have ended.

    Attributes:
        search: its settings.
        trials: from best to worst.
        importance: of the fields, see `importance.importance`.
    """

    search: SearchSettings
    trials: list[Outcome]
    importance: dict[str, dict[str, float]]

    @classmethod
    def read(
        cls, folder: SearchFolder, search: SearchSettings
    ) -> "SearchResults":
        """Returns what a search has found so far."""
        outcomes = folder.outcomes()
        return cls(
            search,
            importance.rank(outcomes, search.sign),
            importance.importance(search.space.fields, outcomes, search.sign),
        )

    @property
    def best(self) -> Outcome | None:
        """The best trial that reached the budget, if there is one."""
        completed = [t for t in self.trials if t.status == COMPLETED]
        return completed[0] if completed else None

    def best_config(self) -> Config:
        """Returns the search's config with the best trial's settings."""
        return settings.changed(self.search.config, self.best.settings)

    def to_dict(self) -> dict[str, Any]:
        """Returns the result as `results/` keeps it."""
        search = self.search
        return {
            "format": FORMAT,
            "kind": "search",
            **search.labels,
            "settings": self.best.settings if self.best else {},
            "score": self.best.score if self.best else None,
            "objective": search.objective,
            "budget_tokens": search.budget_tokens,
            "oracle": search.oracle,
            "seed": search.seed,
            "evaluations": search.parts,
            "space": search.space.to_dict(),
            "left_out": search.space.left_out,
            "config": settings.portable(search.config).to_dict(),
            "trials": [_trial(outcome) for outcome in self.trials],
            "importance": self.importance,
        }

    def table(self) -> str:
        """Returns the trials from best to worst, a line each."""
        names = [field.name for field in self.search.space.fields]
        heads = ["trial", self.search.objective, "tokens", "seconds"]
        rows = [heads + [name.split(".")[1] for name in names] + ["status"]]
        for trial in self.trials:
            rows.append(
                [
                    trial.trial,
                    "-" if trial.score is None else f"{trial.score:.3f}",
                    f"{trial.tokens:,}",
                    f"{trial.seconds:.0f}",
                    *(str(trial.settings[name]) for name in names),
                    f"{trial.status} {trial.reason}"[:60].rstrip(),
                ]
            )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(
                cell.rjust(width) if place < len(row) - 1 else cell
                for place, (cell, width) in enumerate(
                    zip(row, widths, strict=True)
                )
            )
            for row in rows
        )

    def describe(self) -> str:
        """Returns what a command prints at the end."""
        lines = [self.table(), ""]
        for name, value in self.importance.items():
            direction = value.get("direction")
            sense = "" if direction is None else f", direction {direction:+.2f}"
            lines.append(
                f"importance  {name:25}  explains {value['explained']:.0%} of "
                f"the ranks{sense}"
            )
        if self.best is None:
            return "\n".join([*lines, "No trial reached the budget."])
        first = next((t for t in self.trials if _is_own(t, self.search)), None)
        name = self.search.objective
        lines.append(
            f"Best: trial {self.best.trial}, dev {name} {self.best.score:.3f}"
        )
        if first is not None and first.status == COMPLETED:
            lines[-1] += f"; with the config's own values {first.score:.3f}"
        return "\n".join(lines)

    def write(self, folder: SearchFolder) -> None:
        """Writes the files of results into the folder of the search."""
        write_json(folder.file("search.json"), self.to_dict())
        write_json(
            folder.file("results.json"),
            [dataclasses.asdict(trial) for trial in self.trials],
        )
        self._write_csv(folder.file("results.csv"))
        if self.best is not None:
            path = folder.file("best_config.py")
            whole_file.write(
                path, config_file(self.best_config(), self._origin())
            )

    def _origin(self) -> str:
        search, best = self.search, self.best
        return (
            f"Found by a search ({search.oracle}, {len(self.trials)} trials "
            f"of {search.budget_tokens:,}\ntarget tokens): trial {best.trial}, "
            f"dev {search.objective} {best.score:.3f}."
        )

    def _write_csv(self, path: str) -> None:
        names = [field.name for field in self.search.space.fields]
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        facts = ("trial", "status", "score", "tokens", "updates", "seconds")
        writer.writerow([*facts, *names, "reason"])
        for trial in self.trials:
            writer.writerow(
                [getattr(trial, fact) for fact in facts]
                + [trial.settings[name] for name in names]
                + [trial.reason]
            )
        whole_file.write(path, table.getvalue())


def config_file(config: Config, origin: str) -> str:
    """Returns the source of a config file, which `train --config=` takes.

    Args:
        config: of which it states what differs from the defaults.
        origin: where the config is from, for the docstring.
    """
    lines = [
        f'"""{origin}"""',
        "",
        "from shared_transformer_tf.config import Config",
        "",
        "",
        "def get_config() -> Config:",
        '    """Returns the config with what the search found."""',
        "    config = Config()",
    ]
    default = Config().to_dict()
    for section, fields in config.to_dict().items():
        lines += [
            f"    config.{section}.{name} = {value!r}"
            for name, value in fields.items()
            if value != default[section][name]
        ]
    return "\n".join([*lines, "    return config", ""])


def _trial(outcome: Outcome) -> dict[str, Any]:
    values = dataclasses.asdict(outcome)
    return {"id": values.pop("trial"), **values}


def _is_own(outcome: Outcome, search: SearchSettings) -> bool:
    return all(
        outcome.settings[field.name] == field.value(field.default)
        for field in search.space.fields
    )
