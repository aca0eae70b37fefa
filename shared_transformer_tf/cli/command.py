"""Runs a command: flags, help, and one clear line for a user's mistake."""

import contextlib
import difflib
import os
import re
import signal
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from absl import flags

from shared_transformer_tf import errors
from shared_transformer_tf.cli import config_flag, startup

_HELP_FLAGS = ("-h", "-?", "-help", "--help", "--helpshort", "--helpfull")
_SIGPIPE_EXIT_CODE = 141
INTERRUPTED_EXIT_CODE = 130
_SIGNAL_EXIT_CODES = 128


def run(
    description: str,
    define_flags: Callable[[flags.FlagValues], None],
    main: Callable[[flags.FlagValues], None],
    argv: Sequence[str],
    default_config: str | None = None,
) -> int:
    """Parses flags and calls `main` with their values.

    An `InputError` or `OSError` becomes one line on stderr; any other
    exception is a bug and keeps its traceback. Nothing here imports
    TensorFlow, so `--help` and wrong flags are answered at once.

    Args:
        description: what the command does, with a command to copy.
        define_flags: defines the flags in the values that it is given.
        main: does the work.
        argv: the program's name and its arguments.
        default_config: gives the command the flag `--config`, and what it
            is where unset.

    Returns:
        The exit code: 0, 1 for a mistake, 130 after Ctrl-C, 143 after a
        SIGTERM, and 141 when the reader of a pipe went away.
    """
    try:
        values = flags.FlagValues()
        if default_config is not None:
            argv = config_flag.define(values, argv, default_config)
        define_flags(values)
        if _asks_for_help(argv):
            print(_help(description, values, default_config is not None))
            return 0
        _parse(values, argv)
        startup.start_logging()
        main(values)
        sys.stdout.flush()
    except BrokenPipeError:
        # What Python still holds for stdout must not be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _SIGPIPE_EXIT_CODE
    except errors.StoppedError as stop:
        print(stop, file=sys.stderr)
        return _SIGNAL_EXIT_CODES + stop.signal_number
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return INTERRUPTED_EXIT_CODE
    except (errors.InputError, OSError, flags.Error) as error:
        print(f"Error: {_one_line(error)}", file=sys.stderr)
        return 1
    return 0


def require(values: flags.FlagValues, *names: str) -> None:
    """Checks that flags without a default were given.

    Raises:
        InputError: naming the first one missing.
    """
    for name in names:
        if not values[name].value:
            raise errors.InputError(
                f"--{name} is missing: {_own_help(values[name])} See --help."
            )


@contextlib.contextmanager
def unwound_by_sigterm() -> Iterator[None]:
    """Lets SIGTERM undo what is under way, once, before it ends the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    raise SystemExit(_SIGNAL_EXIT_CODES + number)


def _asks_for_help(argv: Sequence[str]) -> bool:
    arguments = list(argv[1:])
    if "--" in arguments:
        arguments = arguments[: arguments.index("--")]
    return any(argument in _HELP_FLAGS for argument in arguments)


def _parse(values: flags.FlagValues, argv: Sequence[str]) -> None:
    try:
        rest = values(argv)
    except flags.UnrecognizedFlagError as error:
        raise errors.InputError(_unknown_flag(error.flagname, values)) from None
    except flags.IllegalFlagValueError as error:
        raise _wrong_value(error, values) from None
    except errors.InputError:
        raise
    except ValueError as error:  # of --noNAME=value
        raise errors.InputError(
            f"{_one_line(error)} Write --NAME=false in place of --noNAME."
        ) from None
    if len(rest) > 1:
        raise errors.InputError(
            f"Unexpected argument {rest[1]!r}: every option is written "
            "--name=value. See --help."
        )


def _wrong_value(
    error: flags.IllegalFlagValueError, values: flags.FlagValues
) -> errors.InputError:
    cause = error.__cause__ or error.__context__
    if isinstance(cause, errors.InputError):
        return cause
    came = str(error).removeprefix("flag ").removesuffix(f": {cause}")
    parser = values[came.removeprefix("--").split("=")[0]].parser
    choices = getattr(parser, "enum_values", None)
    expected = (
        f"one of {', '.join(choices)}"
        if choices
        else parser.syntactic_help or f"a value of type {parser.flag_type()}"
    )
    return errors.InputError(f"{came} is wrong, expected {expected}.")


def _unknown_flag(name: str, values: flags.FlagValues) -> str:
    names = _own_flags(values)
    close = difflib.get_close_matches(name, names, n=2, cutoff=0.6)
    shown = close or names
    return (
        f"Unknown flag --{name}. "
        f"{'Did you mean' if close else 'Valid flags:'} "
        f"{' or '.join(f'--{n}' for n in close) or _dashed(shown)}"
        f"{'?' if close else '.'} See --help."
    )


def _dashed(names: Sequence[str]) -> str:
    return ", ".join(f"--{name}" for name in names)


def _own_flags(values: flags.FlagValues) -> list[str]:
    """The flags of the command, without those that absl adds itself."""
    absl = {"flagfile", "undefok"}
    return [name for name in values if name not in absl and "." not in name]


def _help(
    description: str, values: flags.FlagValues, takes_fields: bool
) -> str:
    parts = [textwrap.dedent(description).strip(), "", "Flags:"]
    for name in _own_flags(values):
        parts.append(_describe(values[name]))
    if takes_fields:
        parts += ["", "Config fields and defaults:", config_flag.describe()]
    return "\n".join(parts)


def _describe(flag: flags.Flag) -> str:
    facts = []
    choices = getattr(flag.parser, "enum_values", None)
    if choices:
        facts.append(f"one of {', '.join(choices)}")
    if flag.default not in (None, "") and flag.name != config_flag.NAME:
        default = str(flag.default).lower() if flag.boolean else flag.default
        facts.append(f"default {default}")
    text = _own_help(flag) + (f" ({'; '.join(facts)})" if facts else "")
    indented = textwrap.fill(
        text, 78, initial_indent=" " * 6, subsequent_indent=" " * 6
    )
    return f"  --{flag.name}\n{indented}"


def _own_help(flag: flags.Flag) -> str:
    """Without the choices and the hint to repeat it, which absl adds."""
    told = re.sub(r"^<[^>]*>: ", "", flag.help)
    return told.split(";\n")[0].rstrip()


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.strerror}: {error.filename}"
    return " ".join(str(error).split("\n"))
