"""One side of a speed comparison: a process that does steps when told.

A contender prints one line of JSON when it is warm, then for each number of
steps on its standard input one line with the seconds that they took, together
and each. So several of them, from different environments, can be timed in
turns. Peers load this file alone; it imports nothing of the package.
"""

import json
import sys
import time
from collections.abc import Callable


def serve(step: Callable[[], None], **facts) -> None:
    """Warms a step up and answers until standard input ends.

    Args:
        step: one training step, or one call; returns when it is done.
        **facts: for the first line, such as versions.
    """
    start = time.perf_counter()
    step()
    first = time.perf_counter() - start
    for _ in range(3):
        step()
    _say(first_step_seconds=first, **facts)
    for line in sys.stdin:
        each = []
        for _ in range(int(line)):
            start = time.perf_counter()
            step()
            each.append(time.perf_counter() - start)
        _say(seconds=sum(each), each=each, peak_gib=_peak_gib())


def _peak_gib() -> float:
    """Of this process; what `getrusage` tells begins with its parent's."""
    with open("/proc/self/status", encoding="utf-8") as status:
        (line,) = (line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 2**20  # it is in KiB


def _say(**values) -> None:
    print(json.dumps(values), flush=True)
