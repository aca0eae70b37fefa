"""Transformers for translation that share their layers across depth.

The public names are imported when they are first used, so that
`import shared_transformer_tf` costs next to nothing.

Example:
>>> import shared_transformer_tf as stt
>>> stt.SharingPlan.create(6, 3, "cycle_rev").describe()
'0 1 2 2 1 0 (self_attention, feed_forward, layer_norm)'
"""

import importlib
from typing import Any

from shared_transformer_tf import registration

__version__ = "0.1.0"

_MODULES = {
    "Config": "config",
    "InputError": "errors",
    "NormalizedGradientModel": "training.model",
    "SharedTransformer": "models.transformer",
    "SharingPlan": "sharing",
    "Stack": "layers.stack",
    "Tokenizer": "data.tokenizer",
    "TrainingBatches": "data.pipeline",
    "Translator": "decoding.translator",
    "encode_pairs": "data.token_pairs",
    "export_saved_model": "export.saved_model",
    "load_run": "trained_run",
    "load_split": "data.corpus",
    "train": "experiment",
}

__all__ = [  # noqa: F822 (they come from __getattr__)
    "Config",
    "InputError",
    "NormalizedGradientModel",
    "SharedTransformer",
    "SharingPlan",
    "Stack",
    "Tokenizer",
    "TrainingBatches",
    "Translator",
    "encode_pairs",
    "export_saved_model",
    "load_run",
    "load_split",
    "train",
]


# Not public names, but documented: to import one before Keras brings Keras.
_SUBMODULES = ("uses",)


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:  # asked by `from shared_transformer_tf import name`
        module = importlib.import_module(f"{__name__}.{name}")
        registration.register_if_keras_is_loaded()
        return module
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_MODULES[name]}")
    registration.register_if_keras_is_loaded()
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


registration.watch_keras()
