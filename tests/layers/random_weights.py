"""Weights for tests: drawn by seed, biases and norms too."""

import numpy as np


def fill(layer, seed=0, scale=0.3):
    """Draws every weight of a built layer; returns the layer."""
    generator = np.random.default_rng(seed)
    for weight in layer.weights:
        mean = 1.0 if weight.name == "gamma" else 0.0
        weight.assign(generator.normal(mean, scale, weight.shape))
    return layer


def normal(*shape, seed=0):
    """Returns float32 values, for inputs."""
    return np.random.default_rng(seed).standard_normal(shape, "float32")
