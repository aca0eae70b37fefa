"""In place of a cell's training: leaves a made result, or what it is told.

A file `orders/CELL` says `fail`, `crash`, `diverge`, `go on` after two hours
of an earlier day, or `hang`, which waits for SIGTERM and then ends as a
training that saved. Without one it takes no time.
"""

import json
import os
import pathlib
import signal
import sys
import threading
import time

from shared_transformer_tf.study import plan, result
from shared_transformer_tf.study.cells import Cell
from tests.study.made_results import make_result

# The rest of a result is measured after the training.
KNOWN_BEFORE = (
    *("format", "study", "study_fingerprint", "task", "arm", "seed"),
    *("variation", "settings", "command", "processor_kind", "config"),
    "versions",
)


def main():
    request = json.loads(sys.stdin.readline())
    cell = Cell(**request["cell"])
    home = pathlib.Path(request["study"]).parent
    with open(home / "started", "a", encoding="utf-8") as stream:
        processors = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        stream.write(f"{cell.name} {processors} {os.getpid()}\n")
    order = home / "orders" / cell.name
    told = order.read_text() if order.exists() else ""
    if told == "fail":
        print("Error: The text is odd.", file=sys.stderr)
        return 1
    if told == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if told == "hang":
        return hang(home, cell)
    study = plan.load(request["study"])
    made = make_result(study, cell, request["found"])
    if told == "go on":
        made["seconds"] = 7200.0
    if told == "diverge":
        made = {name: made[name] for name in KNOWN_BEFORE if name in made}
        made["diverged"] = "Update 7 was not applied."
    result.ResultFolder(request["results"], study).write(cell, made)
    return 0


def hang(home, cell):
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def watch():
        while os.read(sys.stdin.fileno(), 1):
            pass
        stop.set()

    threading.Thread(target=watch, daemon=True).start()
    (home / f"hanging.{cell.name}").touch()
    while not stop.wait(0.05):
        pass
    time.sleep(0.2)
    (home / f"saved.{cell.name}").touch()
    return 128 + signal.SIGTERM


if __name__ == "__main__":
    sys.exit(main())
