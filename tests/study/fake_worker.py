"""A worker whose training takes no time, started as a process by tests.

python -m tests.study.fake_worker DIR SETTINGS

SETTINGS is a JSON object of changes to `make_settings`; with `die` it names
a trial in which a worker kills itself once at its second evaluation, with
`die_always` in each attempt, with `raise` one that ends in an error, with
`slow` seconds that each evaluation takes.
"""

import json
import os
import signal
import sys
import time

from shared_transformer_tf.study.search import search, worker
from tests.study.fake_training import FakeTraining, make_settings


def main(workdir, text):
    worker.end_with_the_chief()
    changes = json.loads(text)
    die, always, wrong, slow = (
        changes.pop(name, None)
        for name in ("die", "die_always", "raise", "slow")
    )

    def fail(name, tokens):
        time.sleep(slow or 0)
        marker = os.path.join(workdir, "died")
        if name == always:
            os.kill(os.getpid(), signal.SIGKILL)
        if name == wrong:
            sys.exit("This is wrong.")
        if name == die and tokens > 20_000 and not os.path.exists(marker):
            with open(marker, "w", encoding="utf-8"):
                os.kill(os.getpid(), signal.SIGKILL)

    train = FakeTraining(fail)
    search.work(make_settings(**changes), workdir, train)
    with open(os.path.join(workdir, "evaluations.jsonl"), "a") as stream:
        stream.writelines(json.dumps(e) + "\n" for e in train.evaluations)


if __name__ == "__main__":
    main(*sys.argv[1:])
