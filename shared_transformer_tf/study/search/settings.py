"""What a search was asked for, which may not change when it goes on."""

import dataclasses
import math
from typing import Any

from shared_transformer_tf.config import Config
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study import settings as studied
from shared_transformer_tf.study.search import space as space_lib
from shared_transformer_tf.study.search.space import SearchSpace

ORACLES = ("bayesian", "random", "hyperband")
OBJECTIVES = ("bleu", "loss")
# A Hyperband "epoch" is a ninth of the budget: rungs of 1/9, 3/9 and 9/9.
HYPERBAND_PARTS = 9
HYPERBAND_FACTOR = 3


@dataclasses.dataclass(frozen=True)
class SearchSettings:
    """A search, apart from where it is kept and by whom it is done.

    Attributes:
        config: from which trials differ in the fields of the space.
        space: what is searched.
        budget_tokens: target tokens that a trial is trained on.
        trials: settings to try; Hyperband fills its brackets and may try
            more.
        oracle: one of `ORACLES`.
        objective: `bleu`, to be high, or `loss` per token, to be low: of the
            dev set at the end of the budget.
        evaluations: of a trial, evenly over its budget; Hyperband has 9.
        seed: of the oracle. The trainings have the config's.
        labels: `study`, `task` and `arm`, for the result alone.
    """

    config: Config
    space: SearchSpace
    budget_tokens: int
    trials: int = 30
    oracle: str = "bayesian"
    objective: str = "bleu"
    evaluations: int = 5
    seed: int = 1
    labels: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def sign(self) -> int:
        """1 where a high score is good, -1 where a low one is."""
        return 1 if self.objective == "bleu" else -1

    @property
    def parts(self) -> int:
        """Evaluations over the budget."""
        if self.oracle == "hyperband":
            return HYPERBAND_PARTS
        return self.evaluations

    @property
    def tokens_between_evaluations(self) -> int:
        """Target tokens from one evaluation to the next."""
        return math.ceil(self.budget_tokens / self.parts)

    def check(self) -> None:
        """Checks what can be checked before anything slow starts.

        Raises:
            InputError: if nothing is searched or the budget is too small.
        """
        if not self.space.fields:
            raise InputError("No field is left to search: see --fields.")
        largest = max(
            (field.choices for field in self.space.fields if _is_batch(field)),
            default=(self.config.data.batch_tokens,),
        )[-1]
        if self.tokens_between_evaluations < largest:
            raise InputError(
                f"--budget_tokens={self.budget_tokens} over {self.parts} "
                f"evaluations is {self.tokens_between_evaluations} tokens from "
                f"one to the next, less than one update of up to {largest}: "
                f"give at least {self.parts * largest}, or fewer "
                "--evaluations."
            )

    @property
    def never_leaves_warm_up(self) -> bool:
        """Whether trials with the config's own warm-up may end within it."""
        training, batch = self.config.training, self.config.data.batch_tokens
        return self.budget_tokens // batch < training.warmup_steps

    def trial_config(self, settings: dict[str, Any]) -> Config:
        """Returns the config that a trial is trained with.

        Args:
            settings: value by `section.field`, of the searched fields.
        """
        config = studied.changed(self.config, settings)
        training = config.training
        training.max_steps = 0
        training.max_tokens = self.budget_tokens
        training.evaluate_every_tokens = self.tokens_between_evaluations
        training.best_by = self.objective
        training.patience = training.diagnose_every = 0
        training.keep_best = training.keep_last = 1
        return config

    def to_dict(self) -> dict[str, Any]:
        """Returns what must be the same when the search goes on."""
        return {
            "config": self.config.to_dict(),
            "space": self.space.to_dict(),
            "budget_tokens": self.budget_tokens,
            "oracle": self.oracle,
            "objective": self.objective,
            "evaluations": self.parts,
            "seed": self.seed,
        }


def _is_batch(field: space_lib.SearchField) -> bool:
    return field.name == "data.batch_tokens"
