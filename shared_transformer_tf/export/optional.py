"""Packages that only some forms of an export need."""

import importlib.util

from shared_transformer_tf import errors


def require(extra: str, *packages: str) -> None:
    """Checks that optional packages are installed.

    Args:
        extra: our optional dependency that installs them.
        *packages: their names.

    Raises:
        InputError: saying what to install.
    """
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise errors.InputError(
                f"This needs the package {package}, which is not installed: "
                f"pip install 'shared-transformer-tf[{extra}]'."
            )
