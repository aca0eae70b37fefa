"""A training that is killed or asked to end goes on as if nothing had been."""

import signal
import threading

import pytest

from shared_transformer_tf.training.stop_signals import StopSignals
from tests.training import killed_run


def test_a_training_asked_to_end_and_killed_ends_with_the_same_bits(tmp_path):
    # float16 has the most to go on with: scales of the loss too
    found = killed_run.run(tmp_path, 1, 1, "mixed_float16", signal.SIGINT)
    code, told, newest = found["asked"]
    assert code == 128 + signal.SIGINT
    assert told.startswith(f"Stopped after update {newest}, which")
    assert found["differing"] == []
    assert found["repeated_records"] == 0
    assert found["half_written"] == 1
    assert found["left"] == []


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


@pytest.mark.parametrize("by_another", [False, True])
def test_a_stop_that_is_told_twice_is_one_stop(by_another):
    heard = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append("late"))
    try:
        with StopSignals() as signals:
            if by_another:
                signals.agreed(lambda number: signal.SIGTERM)
            else:
                signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)
            assert signals.received == signal.SIGTERM and heard == []
            signals._first_at -= 60.0
            signal.raise_signal(signal.SIGTERM)
            assert heard == ["late"]
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("ctrl_c_raises")
def test_ctrl_c_after_a_signal_ends_at_once():
    with pytest.raises(KeyboardInterrupt), StopSignals():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)


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
