"""What a decoder remembers of the positions that it has decoded."""

from typing import NamedTuple

import tensorflow as tf

from shared_transformer_tf.layers.masking import masked


class DecodingState(NamedTuple):
    """Self-attention caches of all beams, and who may see what in them.

    When beams change places in a search, their caches stay where they are:
    every beam attends to what all beams of its row have written, with a mask
    over what is not its own past. Only `origins`, a few integers, is moved.

    Attributes:
        caches: keys and values of each *depth*, each (batch, heads, past *
            beams, head); what beam b wrote at position t is at t * beams + b.
        origins: int32 (batch, beams, past), for each beam and past position
            the beam that wrote there what it sees.
    """

    caches: list[tuple[tf.Tensor, tf.Tensor]]
    origins: tf.Tensor

    @property
    def num_beams(self) -> int | tf.Tensor:
        """Beams of a row, an integer where the graph knows it."""
        known = self.origins.shape[1]
        return tf.shape(self.origins)[1] if known is None else known

    def reordered(self, parents: tf.Tensor) -> "DecodingState":
        """Returns the state in which beams continue others.

        Args:
            parents: int32 (batch, beams), which beam each one continues.
        """
        origins = tf.gather(self.origins, parents, batch_dims=1)
        return self._replace(origins=origins)

    def with_new_position(self) -> "DecodingState":
        """Returns the state in which every beam sees what it writes next."""
        beams = tf.range(self.num_beams)
        own = tf.broadcast_to(
            beams[tf.newaxis, :, tf.newaxis],
            [tf.shape(self.origins)[0], self.num_beams, 1],
        )
        return self._replace(origins=tf.concat([self.origins, own], 2))

    def bias(self, dtype: tf.DType) -> tf.Tensor | None:
        """Returns what hides other beams' past in attention scores.

        Returns:
            (batch, 1, beams, past * beams), or `None` for a single beam.
        """
        if self.origins.shape[1] == 1:
            return None
        beams = tf.range(self.num_beams)
        own = self.origins[..., tf.newaxis] == beams
        bias = tf.where(own, tf.zeros([], dtype), tf.cast(masked(dtype), dtype))
        shape = tf.shape(bias)
        return tf.reshape(bias, [shape[0], 1, shape[1], shape[2] * shape[3]])


def empty_state(
    num_layers: int,
    batch_size: int | tf.Tensor,
    num_beams: int | tf.Tensor,
    head_shape: tuple[int, int],
    dtype: str | tf.DType,
) -> DecodingState:
    """Returns the state before the first position.

    Args:
        num_layers: depth, one cache for each.
        batch_size: rows.
        num_beams: beams of a row.
        head_shape: heads, and the width of one.
        dtype: of keys and values.
    """
    num_heads, head_dim = head_shape
    empty = tf.zeros([batch_size, num_heads, 0, head_dim], dtype)
    origins = tf.zeros([batch_size, num_beams, 0], tf.int32)
    return DecodingState([(empty, empty)] * num_layers, origins)
