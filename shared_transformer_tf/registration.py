"""Makes our classes known to Keras without importing Keras ourselves.

`keras.models.load_model` finds a class of another package only if the module
of that class was imported. A process that says

    import shared_transformer_tf
    model = keras.models.load_model("model.keras")

names none of our modules, and importing them all at once would make
`import shared_transformer_tf` take seconds. So they are imported as soon as
Keras is: now, where it is loaded already, else right after its own import.
"""

import importlib
import importlib.abc
import importlib.util
import sys
import types
from collections.abc import Sequence
from importlib.machinery import ModuleSpec

_PACKAGE = "shared_transformer_tf"
_REGISTERING_MODULES = (
    "shared_transformer_tf.layers.stack",
    "shared_transformer_tf.models.transformer",
    "shared_transformer_tf.training.model",
)


def register_if_keras_is_loaded() -> None:
    """Imports the modules whose classes a saved model may name.

    While one of our own modules is being imported this does nothing: that
    import brings its classes, and must not run in a circle.
    """
    if "keras" not in sys.modules or _importing_ourselves():
        return
    for module in _REGISTERING_MODULES:
        importlib.import_module(module)


def watch_keras() -> None:
    """Calls `register_if_keras_is_loaded` now and after Keras' import."""
    if "keras" in sys.modules:
        register_if_keras_is_loaded()
    else:
        sys.meta_path.insert(0, _KerasFinder())


def _importing_ourselves() -> bool:
    return any(
        getattr(getattr(module, "__spec__", None), "_initializing", False)
        for name, module in list(sys.modules.items())
        if name.startswith(f"{_PACKAGE}.")
    )


class _KerasFinder(importlib.abc.MetaPathFinder):
    """Stands before the other finders until Keras is looked for, once."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _RegisteringLoader(spec.loader)
        return spec


class _RegisteringLoader(importlib.abc.Loader):
    """Loads Keras as its own loader does, then registers our classes."""

    def __init__(self, loader: importlib.abc.Loader) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> object:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> types.ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: types.ModuleType) -> None:
        module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        register_if_keras_is_loaded()
