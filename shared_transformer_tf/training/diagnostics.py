"""Gradients of each use of a weight: how long they are, and how they agree.

With g_u the gradient of the mean loss by use u of a sublayer's weights, taken
together, and g their sum over the N uses:

    norms         |g_u|
    cosines       cos(g_u, g_v) for each pair, in the order 1-2, 1-3, ..., 2-3
    shares        <g_u, g> / |g|^2, which sum to 1
    alignment     the mean of the cosines
    gradient_norm |g|
    update_ratio  |change of the weights in the update| / |weights|

All but the last follow from the inner products <g_u, g_v>, which is all that
leaves the graph. Weights of a sublayer that are used unequally often, such as
a matrix that another one borrows, are told apart: `NAME of N uses`.
"""

import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from shared_transformer_tf.training import gradients as gradients_lib
from shared_transformer_tf.training import heat_map, replicas
from shared_transformer_tf.training.model import NormalizedGradientModel
from shared_transformer_tf.training.progress import (
    MetricsLog,
    TrainingProgress,
)

SHOWN_USES = 8  # of more uses TensorBoard shows the cosines of the first ones


def inner_products(
    model: NormalizedGradientModel, data: tuple
) -> list[tf.Tensor]:
    """Returns <g_u, g_v>, float32 (uses, uses), for each trainable weight.

    Called where the training step would be: in replica context, before the
    update. It draws what that update will draw, so dropout is the same.

    Args:
        model: built and compiled.
        data: this replica's part of the batch.
    """
    weights = model.trainable_variables
    sums, uses = model.batch_sums(data, weights, weights)
    _, count, *summed = replicas.sum_over_replicas(sums)
    count = tf.maximum(count, 1.0)
    numbers = gradients_lib.gradient_numbers(weights, weights, uses)
    products = []
    for of_uses in gradients_lib.group(summed, numbers):
        rows = tf.stack([tf.reshape(g, [-1]) for g in of_uses])
        rows = tf.cast(rows, tf.float32) / count
        products.append(tf.matmul(rows, rows, transpose_b=True))
    return products


def statistics(products: np.ndarray) -> dict[str, Any]:
    """Returns all of the above that inner products (uses, uses) tell."""
    norms = np.sqrt(np.maximum(np.diag(products), 0.0))
    total = float(products.sum())
    told = {
        "gradient_norm": float(np.sqrt(max(total, 0.0))),
        "norms": norms.tolist(),
    }
    if len(norms) == 1:
        return told
    lengths = np.maximum(np.outer(norms, norms), np.finfo(np.float32).tiny)
    cosines = (products / lengths)[np.triu_indices(len(norms), 1)]
    shares = products.sum(1) / total if total else np.zeros_like(norms)
    return told | {
        "alignment": float(cosines.mean()),
        "shares": shares.tolist(),
        "cosines": cosines.tolist(),
    }


def scalars(measured: Mapping[str, dict[str, Any]]) -> dict[str, float]:
    """Returns what TensorBoard shows of the statistics of some sublayers.

    Of each use its norm and share; the cosine of each pair of the first
    `SHOWN_USES` uses.
    """
    shown = {}
    for name, found in measured.items():
        one = {k: v for k, v in found.items() if not isinstance(v, list)}
        for kind in ("norms", "shares"):
            values = enumerate(found.get(kind, []), start=1)
            one |= {f"{kind}/{use}": value for use, value in values}
        uses = range(1, len(found["norms"]) + 1)
        pairs = itertools.combinations(uses, 2)
        for (u, v), cosine in zip(pairs, found.get("cosines", []), strict=True):
            if v <= SHOWN_USES:
                one[f"cosines/{u}-{v}"] = cosine
        shown |= {f"{name}/{kind}": value for kind, value in one.items()}
    return shown


class UseDiagnostics(keras.callbacks.Callback):
    """Measures an update's gradients per use, every so many updates.

    The batch is read and differentiated once more for that, by a graph of its
    own: the training step stays as it is. The heat maps begin with what the
    log has from before.

    Args:
        every: updates from one measured update to the next.
        progress: of the training.
        log: takes a record of kind `uses`, and the heat maps.
        batch: returns the part of a batch that a replica takes, of the
            batch's number, the replica's and how many there are.
        depths: for heat maps, the stack and the depth of each use of some
            sublayers, by their path in the model.
        pause: called with the measurement done.
    """

    def __init__(
        self,
        every: int,
        progress: TrainingProgress,
        log: MetricsLog,
        batch: Callable[[int, int, int], tuple],
        depths: Mapping[str, Sequence[tuple[str, int]]],
        pause: Callable[[], None],
    ):
        super().__init__()
        self._every = every
        self._progress = progress
        self._log = log
        self._batch = batch
        self._maps = heat_map.DepthMaps(depths)
        self._pause = pause
        self._measured: dict[str, Any] = {}
        self._before: dict[str, list[np.ndarray]] = {}
        self._seconds = 0.0

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Takes up the heat maps where they were."""
        self._products: Callable | None = None
        self._sublayers: dict[str, list[keras.Variable]] = {}
        for record in self._log.read("uses"):
            self._maps.add(record["step"], record["sublayers"])

    def on_train_batch_begin(self, batch: int, logs: dict | None = None):
        """Measures, where the update to come is to be measured."""
        if (self._progress.step + 1) % self._every:
            return
        start = time.perf_counter()
        weights = self.model.trainable_variables
        products = self._read_products()
        if not self._sublayers:
            paths = [
                weight.path.removeprefix(f"{self.model.name}/")
                for weight in weights
            ]
            self._sublayers = by_sublayer(paths, weights, map(len, products))
        found = dict(zip(map(id, weights), products, strict=True))
        self._measured = {
            name: statistics(sum(found[id(weight)] for weight in group))
            for name, group in self._sublayers.items()
        }
        self._before = self._values()
        self._seconds = time.perf_counter() - start
        self._pause()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Adds what the update changed, and writes the record."""
        if not self._measured:
            return
        start = time.perf_counter()
        after = self._values()
        for name, found in self._measured.items():
            found["update_ratio"] = _ratio(self._before[name], after[name])
        step = self._progress.step
        self._maps.add(step, self._measured)
        seconds = self._seconds + time.perf_counter() - start
        record = {"seconds": seconds, "tokens": self._progress.tokens}
        record["sublayers"] = self._measured
        shown = {"seconds": seconds, "sublayers": scalars(self._measured)}
        self._log.write("uses", step, record, shown)
        for name, image in self._maps.draw().items():
            self._log.write_image(f"uses/{name}", step, image)
        logging.info("Gradients of each use measured in %.1f s.", seconds)
        self._measured, self._before = {}, {}
        self._pause()

    def _read_products(self) -> list[np.ndarray]:
        strategy = self.model.distribute_strategy
        number = strategy.num_replicas_in_sync
        step = self._progress.step
        data = strategy.experimental_distribute_values_from_function(
            lambda context: tf.nest.map_structure(
                tf.constant,
                self._batch(step, context.replica_id_in_sync_group, number),
            )
        )
        if self._products is None:
            self._products = tf.function(
                lambda data: inner_products(self.model, data),
                input_signature=[_of_any_size(data)],
                autograph=False,  # it would look for loops in every layer
            )
        found = strategy.run(self._products, args=(data,))
        return [
            strategy.experimental_local_results(one)[0].numpy() for one in found
        ]

    def _values(self) -> dict[str, list[np.ndarray]]:
        return {
            name: [weight.numpy() for weight in weights]
            for name, weights in self._sublayers.items()
        }


def by_sublayer(
    paths: Sequence[str],
    weights: Sequence[keras.Variable],
    uses: Iterable[int],
) -> dict[str, list[keras.Variable]]:
    """Returns the weights of each sublayer, by its path.

    Args:
        paths: of the weights.
        weights: to be grouped.
        uses: of each; where those of a sublayer differ, `PATH of N uses` has
            those of N.
    """
    groups: dict[str, dict[int, list[keras.Variable]]] = {}
    for path, weight, count in zip(paths, weights, uses, strict=True):
        by_count = groups.setdefault(path.rpartition("/")[0], {})
        by_count.setdefault(count, []).append(weight)
    return {
        path if len(by_count) == 1 else f"{path} of {count} uses": group
        for path, by_count in groups.items()
        for count, group in by_count.items()
    }


def _of_any_size(data: Any) -> Any:
    """The types of a batch's tensors, or of each replica's, of any shape."""

    def relaxed(value: Any) -> tf.TypeSpec:
        spec = tf.type_spec_from_value(value)
        parts = [
            tf.TensorSpec([None] * part.shape.rank, part.dtype)
            for part in tf.nest.flatten(spec, expand_composites=True)
        ]
        one = isinstance(spec, tf.TensorSpec)
        return parts[0] if one else type(spec)(*parts)

    return tf.nest.map_structure(relaxed, data)


def _ratio(before: list[np.ndarray], after: list[np.ndarray]) -> float:
    changes = [new - old for new, old in zip(after, before, strict=True)]
    changed, size = (
        np.sqrt(sum(float(np.sum(np.square(one))) for one in values))
        for values in (changes, before)
    )
    return float(changed / size) if size else 0.0
