"""What is raised when something that the user gave is wrong."""


class InputError(ValueError):
    """A wrong value, file or folder: one line that says how to mend it.

    Commands print the message and end with exit code 1; any other exception
    is a bug of ours and keeps its traceback.
    """
