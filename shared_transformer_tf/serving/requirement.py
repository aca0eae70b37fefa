"""Whether the optional packages of this room are installed."""

import importlib.util

from shared_transformer_tf import errors

SERVER = ("aiohttp", "grpc", "prometheus_client", "tensorflow_serving")
CLIENT = ("grpc", "tensorflow_serving")


def check(modules: tuple[str, ...]) -> None:
    """Checks that modules can be imported, without importing them.

    Raises:
        InputError: naming the missing ones and how to install them.
    """
    missing = [
        name for name in modules if importlib.util.find_spec(name) is None
    ]
    if missing:
        raise errors.InputError(
            f"Serving needs packages that are not installed "
            f"({', '.join(missing)}): pip install "
            "'shared-transformer-tf[serving]'."
        )
