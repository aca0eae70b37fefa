"""What is run together, what is refused, and that answers find their way."""

import asyncio

import numpy as np
import pytest

from shared_transformer_tf.serving import batcher, refusal


class Entry:
    """A signature of one input."""

    def __init__(self, name="double", batched=True):
        self.name = name
        self.batched = batched
        self.inputs = {"x": None}


class Model:
    """Doubles; notes its batches, and may be held."""

    def __init__(self):
        self.batches = []
        self.free = asyncio.Event()
        self.free.set()

    async def __call__(self, name, arrays, seconds):
        self.batches.append((name, arrays["x"].tolist()))
        await self.free.wait()
        if np.any(arrays["x"] < 0):
            raise refusal.Refusal("INVALID_ARGUMENT", "negative")
        return {"y": 2 * arrays["x"]}


def made(model, batch_rows=4, wait=0.01, queue_rows=100, batches=1):
    limits = batcher.Limits(batch_rows, wait, queue_rows, batches)
    return batcher.Batcher(model, limits)


async def submit(queue, values, entry=None, seconds=5.0):
    values = np.array(values)
    deadline = asyncio.get_running_loop().time() + seconds
    arrays = {"x": values}
    found = await queue.submit(entry or Entry(), arrays, len(values), deadline)
    return found["y"].tolist()


def running(test):
    """Runs a coroutine function as a test."""

    def run():
        asyncio.run(asyncio.wait_for(test(), 20))

    run.__name__ = test.__name__
    return run


@running
async def test_requests_share_batches_and_get_their_own_rows():
    model = Model()
    queue = made(model)
    requests = [[1], [2, 3], [4], [5, 6], [7]]
    answers = await asyncio.gather(*(submit(queue, x) for x in requests))
    assert answers == [[2 * value for value in x] for x in requests]
    assert [x for _, x in model.batches] == [[1, 2, 3, 4], [5, 6, 7]]


@running
async def test_a_full_batch_does_not_wait():
    model = Model()
    queue = made(model, wait=10.0)
    await asyncio.gather(*(submit(queue, [i]) for i in range(4)))
    assert len(model.batches) == 1


@running
async def test_large_requests_are_cut_and_joined():
    model = Model()
    assert await submit(made(model), range(10)) == list(range(0, 20, 2))
    assert [len(x) for _, x in model.batches] == [4, 4, 2]


@running
async def test_signatures_and_shapes_are_not_mixed():
    model = Model()
    queue = made(model)
    answers = await asyncio.gather(
        submit(queue, [1], Entry("a")),
        submit(queue, [2], Entry("b")),
        submit(queue, [[3, 4]], Entry("a")),
    )
    assert answers == [[2], [4], [[6, 8]]]
    assert len(model.batches) == 3


@running
async def test_what_has_no_batch_is_run_alone():
    model = Model()
    queue = made(model)
    entry = Entry(batched=False)
    await asyncio.gather(*(submit(queue, [i], entry) for i in range(3)))
    assert [x for _, x in model.batches] == [[0], [1], [2]]


@running
async def test_no_rows_are_answered():
    assert await submit(made(Model()), []) == []


@running
async def test_a_failing_request_fails_alone():
    model = Model()
    queue = made(model)
    answers = await asyncio.gather(
        *(submit(queue, x) for x in ([1], [-1], [2])), return_exceptions=True
    )
    assert answers[0] == [2] and answers[2] == [4]
    assert isinstance(answers[1], refusal.Refusal)


@running
async def test_a_full_queue_says_try_later_and_recovers():
    model = Model()
    model.free.clear()
    queue = made(model, queue_rows=4, wait=0.0)
    first = asyncio.create_task(submit(queue, [0]))
    await asyncio.sleep(0.01)  # it runs now, and no longer waits
    waiting = [asyncio.create_task(submit(queue, [i, i])) for i in (1, 2)]
    await asyncio.sleep(0.01)
    with pytest.raises(refusal.Refusal, match="try again") as caught:
        await submit(queue, [9])
    assert caught.value.code == "RESOURCE_EXHAUSTED"
    with pytest.raises(refusal.Refusal, match="at most 4") as caught:
        await submit(queue, range(5))
    assert caught.value.code == "OUT_OF_RANGE"
    model.free.set()
    assert await asyncio.gather(first, *waiting) == [[0], [2, 2], [4, 4]]
    assert await submit(queue, [9]) == [18]


@running
async def test_late_and_cancelled_requests_are_not_run():
    model = Model()
    model.free.clear()
    queue = made(model, queue_rows=4, wait=0.0)
    first = asyncio.create_task(submit(queue, [0]))
    await asyncio.sleep(0.01)
    cancelled = asyncio.create_task(submit(queue, [1, 1]))
    with pytest.raises(refusal.Refusal, match="over") as caught:
        await submit(queue, [2, 2], seconds=0.05)
    assert caught.value.code == "DEADLINE_EXCEEDED"
    cancelled.cancel()
    await asyncio.wait([cancelled])
    # Their places in the queue are free again.
    last = asyncio.create_task(submit(queue, [3, 3, 3, 3]))
    await asyncio.sleep(0.01)
    model.free.set()
    assert await asyncio.gather(first, last) == [[0], [6, 6, 6, 6]]
    assert [x for _, x in model.batches] == [[0], [3, 3, 3, 3]]


@running
async def test_drain_answers_everything_at_once():
    model = Model()
    queue = made(model, wait=60.0)
    task = asyncio.create_task(submit(queue, [1]))
    await asyncio.sleep(0.01)
    assert not model.batches
    await queue.drain()
    assert await task == [2]


@running
async def test_the_oldest_is_served_first():
    model = Model()
    model.free.clear()
    queue = made(model, wait=0.0)
    tasks = []
    for name in ("a", "b", "a", "c"):
        tasks.append(asyncio.create_task(submit(queue, [1], Entry(name))))
        await asyncio.sleep(0.01)
    model.free.set()
    await asyncio.gather(*tasks)
    assert [name for name, _ in model.batches] == ["a", "b", "a", "c"]


@running
async def test_batches_run_side_by_side_up_to_the_limit():
    model = Model()
    model.free.clear()
    queue = made(model, batches=2, wait=0.0, batch_rows=1)
    tasks = [asyncio.create_task(submit(queue, [i])) for i in range(3)]
    await asyncio.sleep(0.02)
    assert len(model.batches) == 2
    model.free.set()
    assert await asyncio.gather(*tasks) == [[0], [2], [4]]
