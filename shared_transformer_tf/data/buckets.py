"""Fixed batch shapes for sentences of many lengths, and their filling."""

import numpy as np


def choose_shapes(
    lengths: np.ndarray, batch_tokens: int, num_buckets: int
) -> tuple[tuple[int, int], ...]:
    """Chooses the batch shapes that pad the sentences least.

    A sentence goes into the shortest bucket that holds it, and counts as long
    as the bucket is. Dynamic programming over the lengths finds the bucket
    ends with the fewest padded tokens; the last end is the longest sentence.

    Args:
        lengths: tokens of each sentence.
        batch_tokens: rows x length of a batch, at most.
        num_buckets: shapes, at most: fewer where there are fewer lengths.

    Returns:
        Pairs (rows, length), shortest first. No bucket has more rows than
        there are sentences.

    Example:
    >>> choose_shapes(np.array([3, 4, 10]), batch_tokens=20, num_buckets=2)
    ((3, 4), (2, 10))
    """
    ends, counts = np.unique(lengths, return_counts=True)
    up_to = np.concatenate([[0], np.cumsum(counts)])
    num_ends = len(ends)
    num_buckets = min(num_buckets, num_ends)
    # cost[n]: fewest padded tokens of the n shortest lengths in the buckets
    # so far; opened[k][n]: lengths before the last of those k buckets.
    cost = np.where(np.arange(num_ends + 1) > 0, np.inf, 0.0)
    opened = []
    for _ in range(num_buckets):
        choices = [
            cost[:n] + (up_to[n] - up_to[:n]) * ends[n - 1]
            for n in range(1, num_ends + 1)
        ]
        opened.append([0, *(int(choice.argmin()) for choice in choices)])
        cost = np.array([np.inf, *(choice.min() for choice in choices)])
    chosen = []
    last = num_ends
    for choice in reversed(opened):
        chosen.append(int(ends[last - 1]))
        last = choice[last]
    return tuple(
        (max(1, min(batch_tokens // end, len(lengths))), end)
        for end in reversed(chosen)
    )


def fill(
    order: np.ndarray,
    bucket_of: np.ndarray,
    shapes: tuple[tuple[int, int], ...],
) -> list[tuple[int, np.ndarray]]:
    """Lays sentences into buckets and returns the batches as they get full.

    How many batches there are depends on the number of sentences per bucket
    only, not on their order.

    Args:
        order: sentence indices, each once.
        bucket_of: the bucket of each sentence.
        shapes: (rows, length) of each bucket.

    Returns:
        Pairs of bucket and sentence indices, each index once. Only the last
        may have fewer indices than its bucket has rows.
    """
    full = []
    leftovers = []
    for bucket, (rows, _) in enumerate(shapes):
        places = np.flatnonzero(bucket_of[order] == bucket)
        num_full = len(places) // rows * rows
        for members in places[:num_full].reshape(-1, rows):
            full.append((members[-1], bucket, order[members]))
        leftovers.append(order[places[num_full:]])
    full.sort(key=lambda batch: batch[0])
    batches = [(bucket, members) for _, bucket, members in full]
    waiting = np.array([], order.dtype)
    for bucket, (rows, _) in enumerate(shapes):
        waiting = np.concatenate([waiting, leftovers[bucket]])
        while len(waiting) >= rows:
            batches.append((bucket, waiting[:rows]))
            waiting = waiting[rows:]
    if len(waiting):
        batches.append((len(shapes) - 1, waiting))
    return batches
