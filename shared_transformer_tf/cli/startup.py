"""Starts logging and TensorFlow without lines that say nothing to a user."""

import logging as python_logging
import os
import pathlib
import re
import sys
import tempfile

from absl import flags, logging

from shared_transformer_tf import cpu, errors

_PACKAGE = str(pathlib.Path(__file__).resolve().parents[1])

# Printed by TensorFlow's C++ code before it reads TF_CPP_MIN_LOG_LEVEL.
_CHATTER = re.compile(
    "|".join(
        (
            "All log messages before absl::InitializeLog",
            "oneDNN custom operations are on",
            "Could not find cuda drivers on your machine",
            "This TensorFlow binary is optimized to use available CPU",
            "To enable the following instructions",
            "Unable to register cu[A-Z]+ (factory|plugin)",
            "computation placer already registered",
            # 303: there is no driver, hence no GPU, and nothing is wrong.
            r"failed call to cuInit: .*\(303\)",
        )
    )
)


def start_logging() -> None:
    """Logs to stderr: our own facts, and warnings of whatever library."""
    flags.FLAGS.mark_as_parsed()  # absl's own flags, or logging complains
    logging.use_absl_handler()
    logging.set_verbosity(logging.INFO)
    logging.get_absl_handler().addFilter(_is_worth_reading)


def _is_worth_reading(record: python_logging.LogRecord) -> bool:
    ours = os.path.abspath(record.pathname).startswith(_PACKAGE)
    return ours or record.levelno >= python_logging.WARNING


def import_tensorflow(to_train: bool = False) -> None:
    """Imports TensorFlow and Keras; stderr loses known chatter, no more.

    Args:
        to_train: keep the memory of tensors between updates, see `cpu`. What
            the environment says already stays.
    """
    wanted = {"TF_CPP_MIN_LOG_LEVEL": "2", "KERAS_BACKEND": "tensorflow"}
    if to_train:
        wanted |= cpu.kept_memory()
    for name, value in wanted.items():
        os.environ.setdefault(name, value)
    if "keras" in sys.modules:
        return
    there = cpu.instructions()
    if "sse2" in there and "avx" not in there:
        raise errors.InputError(
            "This CPU has no AVX instructions, without which TensorFlow's "
            "packages end at once: take another machine, or give the virtual "
            "one its host's CPU."
        )
    sys.stderr.flush()
    stderr = os.dup(2)
    try:
        with tempfile.TemporaryFile() as held:
            os.dup2(held.fileno(), 2)
            try:
                # Our registration follows at once, see registration.py.
                import keras  # noqa: F401
                import tensorflow as tf

                tf.config.list_physical_devices()
            finally:
                sys.stderr.flush()
                os.dup2(stderr, 2)
                held.seek(0)
                for line in held.read().decode(errors="replace").splitlines():
                    if not _CHATTER.search(line):
                        print(line, file=sys.stderr)
    finally:
        os.close(stderr)
