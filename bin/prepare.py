"""See `python bin/prepare.py --help`."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from shared_transformer_tf.cli import prepare  # noqa: E402

if __name__ == "__main__":
    sys.exit(prepare.main())
