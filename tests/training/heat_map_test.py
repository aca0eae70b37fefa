"""The maps say at which depth the gradients are long."""

import tensorflow as tf

from shared_transformer_tf.training.heat_map import DepthMaps

DEPTHS = {
    "a": [("encoder", 0), ("encoder", 2)],
    "b": [("encoder", 1), ("decoder", 0)],
}


def draw(scale):
    maps = DepthMaps(DEPTHS)
    for step in (5, 10, 15):
        norms = {"a": [1.0, scale * step], "b": [2.0, 3.0]}
        maps.add(step, {name: {"norms": n} for name, n in norms.items()})
    return {
        name: tf.io.decode_png(png).numpy() for name, png in maps.draw().items()
    }


def test_one_picture_for_each_stack_that_shows_the_norms():
    pictures = draw(1.0)
    assert pictures.keys() == {"encoder", "decoder"}
    assert all(one.shape[:2] == (330, 770) for one in pictures.values())
    other = draw(50.0)
    assert (pictures["encoder"] != other["encoder"]).any()
    assert (pictures["decoder"] == other["decoder"]).all()
