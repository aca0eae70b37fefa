"""Packages that only some forms of an export need."""

import importlib.util

from shared_transformer_tf import errors


def require(package: str) -> None:
    """Checks that an optional package is installed.

    Args:
        package: its name, which is also that of our optional dependency.

    Raises:
        InputError: saying what to install.
    """
    if importlib.util.find_spec(package) is None:
        raise errors.InputError(
            f"This form of export needs the package {package}, which is not "
            f"installed: pip install 'shared-transformer-tf[{package}]'."
        )
