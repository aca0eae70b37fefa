"""Workers of a chief: dead ones are noticed, their trials go on elsewhere."""

import collections
import json
import os
import pathlib
import signal
import sys
import time
import types

import keras_tuner
import pytest

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study.search import search
from shared_transformer_tf.study.search import workers as workers_lib
from shared_transformer_tf.study.search.folder import SearchFolder
from tests.study.fake_training import make_settings

ROOT = pathlib.Path(__file__).resolve().parents[3]


def test_a_trial_of_a_dead_worker_goes_on_elsewhere_from_where_it_was(
    tmp_path, monkeypatch
):
    # a vocabulary would take longer than all the rest
    monkeypatch.setattr(
        search.vocabulary, "prepare", lambda config, directory: None
    )
    changes = {"trials": 4}  # too few to stop one below the median
    folder = SearchFolder(str(tmp_path / "search"))
    text = json.dumps(changes | {"die": "2", "slow": 0.05})
    command = [
        sys.executable,
        "-m",
        "tests.study.fake_worker",
        folder.path,
        text,
    ]
    monkeypatch.chdir(ROOT)
    search.run(make_settings(**changes), folder.path, (2, command))
    assert os.path.exists(os.path.join(folder.path, "died"))
    assert folder.deaths() == {"2": 1}
    assert [o.trial for o in folder.outcomes()] == ["0", "1", "2", "3"]
    assert all(o.status == "completed" for o in folder.outcomes())
    with open(os.path.join(folder.path, "evaluations.jsonl")) as stream:
        seen = [tuple(json.loads(line)) for line in stream]
    assert len(seen) == len(set(seen))  # nothing was trained twice
    assert ("2", 18_000) not in seen  # by the one that died
    assert ("2", 36_000) in seen  # by the one that went on


class Oracle:
    """What a crew needs of one: `ongoing` has the trial of each worker.

    `busy`: another worker begins a trial before each death that is noticed.
    """

    def __init__(self, busy=False, **ongoing):
        self.ongoing = ongoing
        self.busy = busy
        self.trials = {}
        self.released = []

    def release(self, name):
        self.released.append(name)
        if self.busy:
            self.trials[str(len(self.trials))] = None
        return self.ongoing.pop(name, None)

    def get_trial(self, name):
        hyperparameters = keras_tuner.HyperParameters()
        if name == "rung":
            hyperparameters.values = {"tuner/trial_id": "first"}
        return types.SimpleNamespace(hyperparameters=hyperparameters)


@pytest.fixture
def crew(tmp_path):
    folder = SearchFolder(str(tmp_path / "search"))

    def make(code, oracle=None):
        command = [sys.executable, "-c", code, folder.path]
        return workers_lib.Crew(folder, command, lock, oracle or Oracle())

    with folder.lock() as lock:
        yield make


def look_until_none_works(crew):
    end = time.monotonic() + 20
    while crew.look_after():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_workers_are_told_the_chief_and_have_processors_of_their_own(crew):
    code = (
        "import json, os, sys\n"
        "name = os.environ['KERASTUNER_TUNER_ID']\n"
        "with open(f'{sys.argv[1]}/{name}.json', 'w') as stream:\n"
        "    json.dump([os.environ['KERASTUNER_ORACLE_PORT'],\n"
        "        sorted(os.sched_getaffinity(0)), os.getsid(0)], stream)\n"
    )
    oracle = Oracle()
    workers = crew(code, oracle)
    own = os.sched_getaffinity(0)
    with workers.at_work(2, 7777):
        look_until_none_works(workers)
    assert os.sched_getaffinity(0) == own
    assert sorted(oracle.released) == ["worker0", "worker1"]
    told = [
        json.loads((pathlib.Path(workers._folder.path) / name).read_text())
        for name in ("worker0.json", "worker1.json")
    ]
    assert [port for port, _, _ in told] == ["7777", "7777"]
    assert [set(n) for _, n, _ in told] == workers_lib.share_processors(2)
    # Ctrl-C in the chief's terminal does not reach them
    assert os.getsid(0) not in [session for _, _, session in told]


def test_processors_are_shared_out_whole():
    own = sorted(os.sched_getaffinity(0))
    for number in (1, 2, len(own), len(own) + 1):
        shares = workers_lib.share_processors(number)
        assert len(shares) == number and all(shares)
        counts = collections.Counter(p for share in shares for p in share)
        assert set(counts) == set(own)
        if number <= len(own):
            assert set(counts.values()) == {1}


@pytest.mark.parametrize(
    ("count", "named", "number", "shares"),
    [
        (0, "", 3, ["", "", ""]),
        (2, "", 2, ["0", "1"]),
        (3, "", 2, ["0,2", "1"]),
        (2, "4,7", 3, ["4", "7", "4"]),
    ],
)
def test_gpus_are_shared_out(monkeypatch, count, named, number, shares):
    gpus = [None] * count
    monkeypatch.setattr(
        workers_lib.tf.config, "list_physical_devices", lambda kind: gpus
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert workers_lib.share_gpus(number) == shares


def test_a_worker_sees_its_gpus_alone(crew, monkeypatch):
    monkeypatch.setattr(
        workers_lib,
        "share_gpus",
        lambda number: [str(n) for n in range(number)],
    )
    code = (
        "import os, sys\n"
        "name = os.environ['KERASTUNER_TUNER_ID']\n"
        "with open(f'{sys.argv[1]}/{name}', 'w') as stream:\n"
        "    stream.write(os.environ['CUDA_VISIBLE_DEVICES'])\n"
    )
    workers = crew(code)
    with workers.at_work(2, 1):
        look_until_none_works(workers)
    folder = pathlib.Path(workers._folder.path)
    told = [(folder / f"worker{n}").read_text() for n in range(2)]
    assert told == ["0", "1"]


def test_a_dead_worker_is_replaced_and_its_trial_given_back(crew):
    code = (
        "import os, sys\n"
        "mark = sys.argv[1] + '/' + os.environ['KERASTUNER_TUNER_ID']\n"
        "if not os.path.exists(mark):\n"
        "    open(mark, 'w').close()\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    oracle = Oracle(worker0="rung", worker1="7")
    workers = crew(code, oracle)
    with workers.at_work(2, 1):
        look_until_none_works(workers)
    assert sorted(oracle.released) == ["worker0"] * 2 + ["worker1"] * 2
    assert workers._folder.deaths() == {"first": 1, "7": 1}


@pytest.mark.parametrize(
    "end", ["sys.exit(128 + 15)", "os.kill(os.getpid(), signal.SIGTERM)"]
)
def test_a_worker_that_was_asked_to_end_is_replaced_without_blame(crew, end):
    code = (
        "import os, signal, sys\n"
        "mark = sys.argv[1] + '/asked'\n"
        "if not os.path.exists(mark):\n"
        "    open(mark, 'w').close()\n"
        f"    {end}\n"
    )
    oracle = Oracle(worker0="7")
    workers = crew(code, oracle)
    with workers.at_work(1, 1):
        look_until_none_works(workers)
    assert oracle.released == ["worker0"] * 2
    assert workers._folder.deaths() == {}


def test_workers_that_die_at_once_end_the_search(crew):
    workers = crew("import os; os.kill(os.getpid(), 6)")
    with pytest.raises(InputError, match="died by SIGABRT without a trial"):
        with workers.at_work(1, 1):
            look_until_none_works(workers)


def test_workers_that_die_now_and_then_do_not_end_the_search(crew):
    code = (
        "import os, sys\n"
        "with open(sys.argv[1] + '/starts', 'a+') as stream:\n"
        "    stream.write('x')\n"
        "    stream.seek(0)\n"
        "    starts = len(stream.read())\n"
        "if starts < 6:\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    workers = crew(code, Oracle(busy=True))
    with workers.at_work(1, 1):
        look_until_none_works(workers)
    starts = pathlib.Path(workers._folder.path) / "starts"
    assert len(starts.read_text()) == 6


def test_an_error_of_a_worker_ends_the_search_with_its_words(crew):
    workers = crew("import sys; sys.exit('Error: the disk is full.')")
    with pytest.raises(InputError, match="worker0 ended .* disk is full"):
        with workers.at_work(1, 1):
            look_until_none_works(workers)


@pytest.mark.parametrize("stubborn", [False, True])
def test_all_workers_end_with_ctrl_c(crew, monkeypatch, stubborn):
    monkeypatch.setattr(workers_lib, "_SECONDS_TO_END", 0.5)
    handler = "signal.signal(15, signal.SIG_IGN)" if stubborn else "None"
    code = (
        f"import signal, sys, time; {handler}\n"
        "open(sys.argv[1] + '/ready', 'a').write('x')\n"
        "time.sleep(60)\n"
    )
    workers = crew(code)
    with pytest.raises(KeyboardInterrupt), workers.at_work(2, 1):
        processes = [worker.process for worker in workers._workers]
        ready = pathlib.Path(workers._folder.path) / "ready"
        while not ready.exists() or len(ready.read_text()) < 2:
            time.sleep(0.02)
        raise KeyboardInterrupt
    code = -signal.SIGKILL if stubborn else -signal.SIGTERM
    assert [process.returncode for process in processes] == [code] * 2
