"""A training that is killed or asked to end goes on as if nothing had been."""

import signal
import threading
import time

import pytest

from shared_transformer_tf.training.stop_signals import StopSignals
from tests.training import killed_run


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_a_killed_training_ends_with_the_same_bits(tmp_path, precision):
    found = killed_run.run(
        tmp_path, kills=3, while_writing=2, precision=precision
    )
    assert found["differing"] == []
    assert found["repeated_records"] == 0
    assert found["half_written"] >= 1
    assert found["left"] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_training_that_is_asked_to_end_saves_what_it_did(tmp_path, number):
    config = tmp_path / "config.py"
    config.write_text(killed_run.CONFIG.format(steps=400, precision="float32"))
    run = tmp_path / "run"
    process = killed_run.start(config, run)
    while not (run / "checkpoints").is_dir():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    told = error.splitlines()[-1]
    newest = max(killed_run.names(run / "checkpoints"))
    assert told.startswith(f"Stopped after update {int(newest[5:])}, which")


@pytest.fixture
def ctrl_c_raises():
    """As in a shell; what runs in the background may ignore SIGINT."""
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, inherited)


@pytest.mark.usefixtures("ctrl_c_raises")
def test_a_second_signal_acts_as_before():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), StopSignals() as signals:
        signal.raise_signal(signal.SIGINT)
        assert signals.received == signal.SIGINT
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_another_thread_takes_no_signals():
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def enter():
        with StopSignals() as signals:
            seen.append((signals.received, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [(None, before)]
