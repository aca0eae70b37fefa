"""Packages that only some commands need, each group an extra of ours."""

import importlib.util

from shared_transformer_tf.errors import InputError

MODULES = {
    "ctranslate2": ("ctranslate2",),
    "onnx": ("tf2onnx", "onnx", "onnxruntime"),
    "serving": ("aiohttp", "grpc", "prometheus_client", "tensorflow_serving"),
}


def require(extra: str) -> None:
    """Checks that an extra is installed, without importing it.

    Args:
        extra: a key of `MODULES`.

    Raises:
        InputError: naming what is missing and how to install it.
    """
    missing = [
        name
        for name in MODULES[extra]
        if importlib.util.find_spec(name) is None
    ]
    if missing:
        raise InputError(
            f"This needs packages that are not installed "
            f"({', '.join(missing)}): pip install "
            f"'shared-transformer-tf[{extra}]'."
        )
