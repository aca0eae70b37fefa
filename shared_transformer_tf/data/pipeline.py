"""From token ids to batches of a few fixed shapes.

Which pairs a batch holds is a pure function of (seed, epoch, step): training
that stops goes on with exactly the batches that it would have seen.
"""

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from shared_transformer_tf import config as config_lib
from shared_transformer_tf import errors
from shared_transformer_tf.data import buckets
from shared_transformer_tf.data.token_pairs import TokenPairs

_PREFETCHED = 8

Batch = tuple[tuple[np.ndarray, np.ndarray], np.ndarray]


class TrainingBatches:
    """Batches of fixed shapes, in an order drawn anew every epoch.

    Every pair occurs once per epoch. The sentences of an epoch are put in
    random order and laid into the bucket of their length; a bucket that is
    full is the next batch. What is left in the buckets at the end of the
    epoch moves on into larger ones, so that only the last batch may have
    empty rows, which are all zero.

    Args:
        pairs: token ids of all sentences.
        batch_tokens: rows x length of a batch, at most.
        num_buckets: shapes, at most.
        max_length: tokens of the longest sentence allowed, with its end.
        seed: of the order.

    Example:
    >>> ids = [np.array([5, 6], np.int32)] * 4
    >>> pairs = TokenPairs(ids, ids, np.arange(1, 5))
    >>> batches = TrainingBatches(pairs, batch_tokens=6, num_buckets=1)
    >>> batches.shapes, batches.position(step=3)
    (((2, 3),), (1, 1))
    """

    def __init__(
        self,
        pairs: TokenPairs,
        *,
        batch_tokens: int = 4096,
        num_buckets: int = 8,
        max_length: int = 128,
        seed: int = 1,
    ):
        self.pairs = pairs
        self.seed = seed
        self._source = _Sequences(pairs.source)
        self._target = _Sequences(pairs.target)
        # (pairs,): tokens of the longer side, start or end symbol included
        self._lengths = 1 + np.maximum(
            self._source.lengths, self._target.lengths
        )
        longest = int(self._lengths.max())
        if longest > min(max_length, batch_tokens):
            raise errors.InputError(
                f"Line {pairs.line_numbers[self._lengths.argmax()]} has "
                f"{longest} tokens, but data.max_length is {max_length} and "
                f"data.batch_tokens {batch_tokens}: raise them, or drop the "
                "line."
            )
        self.shapes = buckets.choose_shapes(
            self._lengths, batch_tokens, num_buckets
        )
        self._bucket_of = np.searchsorted(
            [length for _, length in self.shapes], self._lengths
        )
        self._planned = functools.lru_cache(maxsize=2)(self._make_plan)

    def plan(self, epoch: int) -> list[tuple[int, np.ndarray]]:
        """Returns the batches of an epoch: bucket and indices of pairs."""
        return self._planned(epoch)

    def _make_plan(self, epoch: int) -> list[tuple[int, np.ndarray]]:
        rng = np.random.default_rng([self.seed, epoch])
        return buckets.fill(
            rng.permutation(len(self.pairs)), self._bucket_of, self.shapes
        )

    def steps_per_epoch(self, epoch: int = 0) -> int:
        """Returns the number of batches, the same in every epoch."""
        return len(self.plan(epoch))

    def position(self, step: int) -> tuple[int, int]:
        """Returns the epoch of a step, and which step of it, from 0."""
        return divmod(step, self.steps_per_epoch())

    def steps_for_tokens(self, tokens: int) -> int:
        """Returns after how many steps that many target tokens were seen.

        The end symbols count. It follows from the plan of the batches alone.
        """
        counts = self._target.lengths + 1
        epochs, rest = divmod(tokens, int(counts.sum()))
        steps = epochs * self.steps_per_epoch()
        if rest:
            by_step = [
                counts[indices].sum() for _, indices in self.plan(epochs)
            ]
            steps += 1 + int(np.searchsorted(np.cumsum(by_step), rest))
        return steps

    def line_numbers(self, step: int) -> np.ndarray:
        """Returns the corpus lines of a batch, from 1, row by row."""
        return self.pairs.line_numbers[self._planned_batch(step)[1]]

    def fill(self, epoch: int) -> float:
        """Returns the part of an epoch's cells that hold tokens, 0 to 1."""
        tokens = self._source.lengths.sum() + self._target.lengths.sum()
        tokens += 2 * len(self.pairs)
        cells = sum(
            2 * rows * length
            for rows, length in (
                self.shapes[bucket] for bucket, _ in self.plan(epoch)
            )
        )
        return float(tokens / cells)

    def batch(self, step: int, replica: int = 0, replicas: int = 1) -> Batch:
        """Returns one batch, or the part of it that a replica takes.

        Args:
            step: from 0.
            replica: number of the part, from 0. It has every `replicas`-th
                row, and as many rows as the others, some of them empty.
            replicas: parts of each batch.

        Returns:
            `((source_ids, target_in), target_out)`, int32 (rows, length), in
            which 0 pads: source and `target_out` end with the end symbol,
            `target_in` begins with the start symbol.
        """
        bucket, indices = self._planned_batch(step)
        indices = indices[replica::replicas]
        rows, length = self.shapes[bucket]
        shape = (math.ceil(rows / replicas), length)
        return (
            (
                self._source.padded(indices, shape, start=False, end=True),
                self._target.padded(indices, shape, start=True, end=False),
            ),
            self._target.padded(indices, shape, start=False, end=True),
        )

    def _planned_batch(self, step: int) -> tuple[int, np.ndarray]:
        epoch, step_in_epoch = self.position(step)
        return self.plan(epoch)[step_in_epoch]

    def dataset(
        self,
        start_step: int = 0,
        replica_numbers: Sequence[int] = (0,),
        replicas: int = 1,
    ) -> tf.data.Dataset:
        """Returns the endless dataset of `batch(start_step)` and onwards.

        Args:
            start_step: updates done before.
            replica_numbers: of each batch the parts of these come one after
                the other.
            replicas: parts of each batch.
        """
        return self._dataset(
            lambda: itertools.count(start_step), replica_numbers, replicas
        )

    def one_epoch(
        self, replica_numbers: Sequence[int] = (0,), replicas: int = 1
    ) -> tf.data.Dataset:
        """Returns the finite dataset of the batches of epoch 0."""
        steps = range(self.steps_per_epoch())
        cardinality = tf.data.experimental.assert_cardinality(
            len(steps) * len(replica_numbers)
        )
        return self._dataset(lambda: steps, replica_numbers, replicas).apply(
            cardinality
        )

    def _dataset(
        self,
        steps: Callable[[], Iterable[int]],
        replica_numbers: Sequence[int],
        replicas: int,
    ) -> tf.data.Dataset:
        def generate() -> Iterator[Batch]:
            for step in steps():
                for number in replica_numbers:
                    yield self.batch(step, number, replicas)

        ids = tf.TensorSpec((None, None), tf.int32)
        if len(self.shapes) == 1:  # compilers for TPU want to know it
            ((rows, length),) = self.shapes
            ids = tf.TensorSpec((math.ceil(rows / replicas), length), tf.int32)
        dataset = tf.data.Dataset.from_generator(
            generate, output_signature=((ids, ids), ids)
        )
        return dataset.prefetch(_PREFETCHED)


def evaluation_batches(
    pairs: TokenPairs, batch_tokens: int = 4096, num_buckets: int = 8
) -> TrainingBatches:
    """Returns batches whose epoch holds every pair once.

    Args:
        pairs: token ids of the dev or test set.
        batch_tokens: rows x length of a batch, at most; raised to the longest
            sentence where that is longer.
        num_buckets: shapes, at most.
    """
    longest = 1 + max(map(len, itertools.chain(pairs.source, pairs.target)))
    return TrainingBatches(
        pairs,
        batch_tokens=max(batch_tokens, longest),
        num_buckets=num_buckets,
        max_length=longest,
    )


class _Sequences:
    """Id sequences in one flat array, each between its start and its end."""

    def __init__(self, sequences: Iterable[np.ndarray]):
        sequences = list(sequences)
        start = np.array([config_lib.START_ID], np.int32)
        end = np.array([config_lib.END_ID], np.int32)
        self.lengths = np.array([len(ids) for ids in sequences])
        self._flat = np.concatenate(
            [part for ids in sequences for part in (start, ids, end)]
        )
        self._starts = np.cumsum(self.lengths + 2) - self.lengths - 2

    def padded(
        self,
        indices: np.ndarray,
        shape: tuple[int, int],
        *,
        start: bool,
        end: bool,
    ) -> np.ndarray:
        """Returns int32 (rows, length) of sequences, zeros behind them."""
        rows, length = shape
        columns = np.arange(length)
        first = self._starts[indices][:, None] + (not start)
        sizes = self.lengths[indices][:, None] + start + end
        positions = np.minimum(first + columns, len(self._flat) - 1)
        padded = np.zeros((rows, length), np.int32)
        padded[: len(indices)] = np.where(
            columns < sizes, self._flat[positions], config_lib.PAD_ID
        )
        return padded
