"""What to do about updates that were not applied."""

import math
from collections.abc import Callable, Sequence

import keras
from absl import logging

from shared_transformer_tf.errors import DivergedError

_SHOWN_LINES = 20


class GradientGuard(keras.callbacks.Callback):
    """Stops, or says so and goes on, where the model skipped an update.

    An overflow under loss scaling is no such case: the next scale is lower.
    At a scale of 1 there is no lower one, and it is the gradient that is bad.

    Args:
        action: `stop` or `skip`.
        first_step: updates done before training goes on here.
        line_numbers: of a batch, by its number from 0.
        last_checkpoint: names the newest sound one, or is "".

    Raises:
        DivergedError: in training, with `stop`.
    """

    def __init__(
        self,
        action: str,
        first_step: int,
        line_numbers: Callable[[int], Sequence[int]],
        last_checkpoint: Callable[[], str],
    ):
        super().__init__()
        self._action = action
        self._step = first_step
        self._line_numbers = line_numbers
        self._last_checkpoint = last_checkpoint

    def on_train_batch_end(self, batch: int, logs: dict) -> None:
        """Looks at what the step says of itself."""
        step = self._step
        self._step += 1
        loss, norm = float(logs["batch_loss"]), float(logs["gradient_norm"])
        overflow = math.isfinite(loss) and not math.isfinite(norm)
        if not float(logs["skipped"]) or (
            overflow and float(logs["loss_scale"]) > 1
        ):
            return
        found = (
            f"Update {step + 1} was not applied: its loss is {loss:.4g}, its "
            f"gradient's norm {norm:.4g}; corpus lines {self._lines(step)}."
        )
        if self._action == "skip":
            logging.warning("%s", found)
            return
        checkpoint = self._last_checkpoint()
        raise DivergedError(
            f"{found} Last good checkpoint: {checkpoint or 'none'}. The run of "
            "a `train` goes on without such updates by "
            "--config.training.on_bad_gradient=skip; with a lower "
            "training.learning_rate, or those lines corrected, it is another "
            "run and needs another --workdir."
        )

    def _lines(self, step: int) -> str:
        lines = sorted(map(int, self._line_numbers(step)))
        shown = ", ".join(map(str, lines[:_SHOWN_LINES]))
        rest = len(lines) - _SHOWN_LINES
        return shown + (f" and {rest} more" if rest > 0 else "")
