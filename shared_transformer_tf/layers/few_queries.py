"""Attention of a few queries, as in a step of decoding.

oneDNN's product and softmax, which TensorFlow takes on CPUs, need tens of
microseconds for each call, whatever its size; the operations taken here need
a few, and a decoding step of one sentence is made of such calls. For whole
sequences they are no faster, so training and encoding do without them.
"""

import tensorflow as tf


def attend(
    query: tf.Tensor,
    key: tf.Tensor,
    value: tf.Tensor,
    bias: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Dot-product attention.

    Args:
        query: (batch, heads, queries, head), scaled.
        key: (batch, heads, keys, head).
        value: as `key`.
        bias: added to the scores, broadcast to them.

    Returns:
        The mixed values, shaped like `query`, and the attention weights
        (batch, heads, queries, keys).
    """
    scores = product(query, key, adj_y=True)
    if bias is not None:
        scores += bias
    scores -= tf.reduce_max(scores, -1, keepdims=True)
    exponentials = tf.exp(scores)
    weights = exponentials / tf.reduce_sum(exponentials, -1, keepdims=True)
    return product(weights, value), weights


def product(x: tf.Tensor, y: tf.Tensor, adj_y: bool = False) -> tf.Tensor:
    """Returns the matrix product of the last two dimensions.

    Args:
        x: (..., rows, inner).
        y: (..., inner, columns), or with `adj_y` (..., columns, inner).
        adj_y: whether `y` is transposed.
    """
    if x.dtype not in (tf.float32, tf.bfloat16):  # what V3 has kernels for
        return tf.matmul(x, y, adjoint_b=adj_y)
    return tf.raw_ops.BatchMatMulV3(x=x, y=y, Tout=x.dtype, adj_y=adj_y)
