"""Makes our classes known to Keras without importing Keras ourselves.

`keras.models.load_model` finds a class of another package only if the module
of that class was imported. A process that says

    import shared_transformer_tf
    model = keras.models.load_model("model.keras")

names none of our modules, and importing them all at once would make
`import shared_transformer_tf` take seconds. So they are imported as soon as
Keras is: now, where it is loaded already, else right after its own import.
There, too, every other backend of Keras than TensorFlow is refused.
"""

import importlib
import importlib.abc
import importlib.util
import os
import sys
import types
from collections.abc import Sequence
from importlib.machinery import ModuleSpec

from shared_transformer_tf import errors

_PACKAGE = "shared_transformer_tf"
_REGISTERING_MODULES = (
    "shared_transformer_tf.layers.stack",
    "shared_transformer_tf.models.transformer",
    "shared_transformer_tf.training.model",
)


def register_if_keras_is_loaded() -> None:
    """Imports the modules whose classes a saved model may name.

    While one of our own modules is being imported this does nothing, for it
    must not run in a circle. `from shared_transformer_tf import NAME` calls
    this again; what else imports a module of ours first imports the others
    itself, or Keras before.

    Raises:
        InputError: if Keras has another backend than TensorFlow.
    """
    if "keras" not in sys.modules or _importing_ourselves():
        return
    _check_backend(sys.modules["keras"].config.backend())
    for module in _REGISTERING_MODULES:
        importlib.import_module(module)


def watch_keras() -> None:
    """Calls `register_if_keras_is_loaded` now and after Keras' import."""
    if "keras" in sys.modules:
        register_if_keras_is_loaded()
    else:
        sys.meta_path.insert(0, _KerasFinder())


def _check_backend(name: str) -> None:
    if name != "tensorflow":
        raise errors.InputError(
            f"shared_transformer_tf needs Keras' TensorFlow backend, but Keras "
            f"is set to {name!r}: set KERAS_BACKEND=tensorflow in the "
            "environment, before Keras is imported."
        )


def _importing_ourselves() -> bool:
    return any(
        getattr(getattr(module, "__spec__", None), "_initializing", False)
        for name, module in list(sys.modules.items())
        if name.startswith(f"{_PACKAGE}.")
    )


class _KerasFinder(importlib.abc.MetaPathFinder):
    """Stands before the other finders until Keras is loaded.

    Being looked for is not enough: TensorFlow looks and does not load.
    """

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname != "keras":
            return None
        for finder in sys.meta_path:
            if not isinstance(finder, _KerasFinder):
                spec = finder.find_spec(fullname, path, target)
                if spec is not None and spec.loader is not None:
                    spec.loader = _RegisteringLoader(spec.loader, self)
                    return spec
        return None


class _RegisteringLoader(importlib.abc.Loader):
    """Loads Keras as its own loader does, then registers our classes."""

    def __init__(
        self, loader: importlib.abc.Loader, finder: _KerasFinder
    ) -> None:
        self._loader = loader
        self._finder = finder

    def __getattr__(self, name: str) -> object:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> types.ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: types.ModuleType) -> None:
        # Before Keras, which fails where that backend is not installed.
        _check_backend(os.environ.get("KERAS_BACKEND") or "tensorflow")
        module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        sys.meta_path.remove(self._finder)
        register_if_keras_is_loaded()
