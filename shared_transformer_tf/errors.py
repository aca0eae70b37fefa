"""What is raised when something that the user gave is wrong."""


class InputError(ValueError):
    """A wrong value, file or folder: one line that says how to mend it.

    Commands print the message and end with exit code 1; any other exception
    is a bug of ours and keeps its traceback.
    """


class DivergedError(InputError):
    """A training whose loss or gradients are no finite numbers any more."""


class StoppedError(Exception):
    """A signal asked a training to end; what it did is saved.

    Args:
        message: what to tell the user.
        signal_number: 2 for Ctrl-C, 15 for SIGTERM.
    """

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.signal_number = signal_number
