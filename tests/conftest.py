import gc
import os
import pathlib
import random
import shutil
import sys
import threading
import traceback
import zlib

import numpy as np
import pytest

# Graphs are made of many objects that live on: looking through them for
# garbage so often would be about a tenth of a trace's time.
gc.set_threshold(100_000, 50, 100)

# Begun first: the others then fill what is left of each worker's time.
LONG = (
    "cli/strategies_test.py",
    "training/stop_test.py",
    "experiment_test.py",
    "training/training_step_test.py",
    "study/cell/cell_training_test.py",
    "training/replicas_test.py",
    "readme_test.py",
    "layers/recomputation_test.py",
    "cli/wrong_input_test.py",
    "training/stop_signals_test.py",
    "export/saved_model_test.py",
    "export/signatures_test.py",
    "export/onnx_folder_test.py",
    "study/search/search_test.py",
    "benchmark/rules_test.py",
    "benchmark/translation_step_test.py",
    "models/round_trips_test.py",
    "decoding/translator_test.py",
)

TELL_SECONDS = 100


def pytest_configure():
    global _stderr
    _stderr = os.dup(2)  # before output is captured


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Tells where a test is that takes long; it goes on."""
    # Not by `faulthandler_timeout`: CPython 3.11 reads the frames of running
    # threads without the GIL there, and crashes (python/cpython#140815).
    watch = threading.Timer(
        TELL_SECONDS, _tell_where, (item.nodeid, threading.get_ident())
    )
    watch.daemon = True
    watch.start()
    try:
        return (yield)
    finally:
        watch.cancel()


def _tell_where(name, thread):
    frame = sys._current_frames()[thread]
    place = "".join(traceback.format_stack(frame, limit=15))
    told = f"{name} takes over {TELL_SECONDS} s; it is here:\n{place}"
    os.write(_stderr, told.encode())


def pytest_collection_modifyitems(items):
    tests = pathlib.Path(__file__).parent
    places = {tests / name: place for place, name in enumerate(LONG)}
    missing = [str(path) for path in places if not path.exists()]
    if missing:
        raise pytest.UsageError(f"LONG names no file: {', '.join(missing)}")
    items.sort(key=lambda item: places.get(item.path, len(LONG)))


def _seed(name):
    """Seeds all generators by `name`, whatever ran before."""
    seed = zlib.crc32(name.encode())
    random.seed(seed)
    np.random.seed(seed)
    if "keras" in sys.modules:  # the tests of `cli` must not load it
        sys.modules["keras"].utils.set_random_seed(seed)


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef, request):
    _seed(f"{fixturedef.baseid} {fixturedef.argname}")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    _seed(item.nodeid)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A run of `small()`, not to be changed; `copy` may be."""
    # imported here: the tests of `cli` must not load TensorFlow
    from shared_transformer_tf import experiment
    from tests.small_run import small

    workdir = tmp_path_factory.mktemp("runs") / "run"
    experiment.train(small(), str(workdir))
    return workdir


@pytest.fixture
def copy(trained, tmp_path):
    return str(shutil.copytree(trained, tmp_path / "run"))
