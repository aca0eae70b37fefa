"""Tells who watches of every layer's call, whatever model it stands in.

Keras has no such hook: `Layer.__call__` is replaced as long as someone
watches, and put back then.
"""

import contextlib
import functools
import threading
from typing import Protocol

import keras

_threads = threading.local()  # replicas are traced in threads of their own
_patch_lock = threading.Lock()
_patches = 0


class Watcher(Protocol):
    """Who is told of calls."""

    def open_call(
        self, layer: keras.layers.Layer
    ) -> contextlib.AbstractContextManager[None]:
        """Returns what is entered while a layer is called."""


def current() -> Watcher | None:
    """Returns who watches in this thread."""
    return getattr(_threads, "watcher", None)


def start(watcher: Watcher) -> None:
    """Has calls of this thread told, to this watcher alone."""
    global _patches
    _threads.watcher = watcher
    with _patch_lock:
        _patches += 1
        if _patches == 1:
            keras.layers.Layer.__call__ = _told(keras.layers.Layer.__call__)


def stop(before: Watcher | None) -> None:
    """Ends what `start` began; who watched before does so again."""
    global _patches
    _threads.watcher = before
    with _patch_lock:
        _patches -= 1
        if _patches == 0:
            keras.layers.Layer.__call__ = (
                keras.layers.Layer.__call__.__wrapped__
            )


def _told(original):
    @functools.wraps(original)
    def call(layer, *args, **kwargs):
        watcher = current()
        if watcher is None:
            return original(layer, *args, **kwargs)
        with watcher.open_call(layer):
            return original(layer, *args, **kwargs)

    return call
