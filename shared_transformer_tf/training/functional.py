"""Lets a subclass of `keras.Model` be made from inputs and outputs.

Keras itself does that by changing the bases of the subclass, and of all its
bases, for good; another subclass that is not functional is broken then.
"""

import functools

import keras


def is_functional(args: tuple, kwargs: dict) -> bool:
    """Returns whether arguments of a model are inputs and outputs."""
    named = sum(name in kwargs for name in ("inputs", "outputs"))
    return len(args) + named == 2


@functools.cache
def functional_class(
    kind: type[keras.Model], functional: type[keras.Model]
) -> type[keras.Model]:
    """Returns a subclass of both, under the name of the first.

    Args:
        kind: a subclass of `keras.Model`, left as it is.
        functional: what Keras makes of inputs and outputs.
    """

    class Functional(kind, functional):
        def __init__(self, inputs, outputs, name=None, **kwargs):
            functional.__init__(self, inputs, outputs, name=name, **kwargs)

    Functional.__name__ = kind.__name__
    Functional.__qualname__ = kind.__qualname__
    Functional.__module__ = kind.__module__
    return Functional
