"""The study's command with cells that are not trained.

python -m tests.study.fake_study ARGUMENTS
"""

import sys

from shared_transformer_tf.cli import study
from shared_transformer_tf.study.run import cell_process

if __name__ == "__main__":
    cell_process.MODULE = "tests.study.fake_cell"
    sys.exit(study.main())
