"""Packages of the distribution; everything else is in pyproject.toml.

`configs/` stays at the top of the repository and is installed inside the
package, so that `--config=multi30k` works everywhere.
"""

import setuptools

setuptools.setup(
    packages=[
        *setuptools.find_namespace_packages(include=["shared_transformer_tf*"]),
        "shared_transformer_tf.configs",
    ],
    package_dir={"shared_transformer_tf.configs": "configs"},
)
