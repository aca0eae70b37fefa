"""The life of a process that trains trials for a chief."""

import os
import signal
import sys
import threading
import time

# Keras Tuner's environment variables, which say where the chief is.
ADDRESS = "KERASTUNER_ORACLE_IP"
PORT = "KERASTUNER_ORACLE_PORT"
NAME = "KERASTUNER_TUNER_ID"
_SECONDS_TO_SAVE = 60


def is_worker() -> bool:
    """Returns whether this process was started by a chief."""
    return ADDRESS in os.environ


def end_with_the_chief() -> None:
    """Sees to it that this process ends when the chief has.

    The chief holds standard input open for as long as it lives; a worker of
    Keras Tuner waits for a chief that is gone for an hour.
    """
    threading.Thread(target=_end_at_end_of_input, daemon=True).start()


def _end_at_end_of_input() -> None:
    # Not through sys.stdin, whose lock would keep Python from ending.
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)  # a training saves and ends
    time.sleep(_SECONDS_TO_SAVE)
    os._exit(128 + signal.SIGTERM)
