"""When and with what an export was made, for its metadata."""

import datetime
from importlib import metadata
from typing import Any

import shared_transformer_tf


def facts(*packages: str) -> dict[str, Any]:
    """Returns `created`, the time, and `versions` of us and of packages.

    Args:
        *packages: names of installed distributions.
    """
    return {
        "created": datetime.datetime.now(datetime.UTC).isoformat(),
        "versions": {"shared_transformer_tf": shared_transformer_tf.__version__}
        | {name: metadata.version(name) for name in packages},
    }
