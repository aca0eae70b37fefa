"""Loads TensorFlow without the lines that say nothing to a user."""

import os
import re
import sys
import tempfile

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


def import_tensorflow() -> None:
    """Imports TensorFlow and Keras; stderr loses known chatter, no more."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if "keras" in sys.modules:
        return
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
