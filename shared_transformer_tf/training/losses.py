"""Label-smoothed cross-entropy that keeps no log-softmax tensor.

With q the target distribution, 1 - s on the right token plus s spread evenly
over the vocabulary V, the loss of a token is

    -sum_v q_v log p_v = logsumexp(z) - (1 - s) z_target - (s / V) sum_v z_v

and its gradient in the logits z is softmax(z) - q. One pass over the logits
makes the softmax p, which is kept; as z_v - logsumexp(z) = log p_v of any v,
the loss needs no pass over exponentials of its own, and in the backward pass
nothing but matrix products touches a tensor as wide as the vocabulary.
"""

import keras
import tensorflow as tf

PAD_ID = 0
_SMALLEST = 1e-30  # a probability below it may have lost digits


def projected_token_losses(
    hidden: tf.Tensor,
    kernel: tf.Tensor,
    targets: tf.Tensor,
    label_smoothing: float,
    static_shapes: bool = False,
) -> tf.Tensor:
    """Returns the loss of each token, its logits being `hidden @ kernel.T`.

    Args:
        hidden: (batch, target, hidden), in the compute dtype.
        kernel: (vocabulary, hidden).
        targets: int32 (batch, target), 0 pads.
        label_smoothing: s above, in [0, 1).
        static_shapes: computes at padding too, as XLA wants it, instead of
            leaving it out.

    Returns:
        float32, or float64 of such `hidden`, (batch, target), nats; 0 at
        padding.
    """
    if static_shapes:
        losses = _projected_losses(
            tf.reshape(hidden, [-1, hidden.shape[-1]]),
            tf.cast(kernel, hidden.dtype),
            tf.reshape(targets, [-1]),
            label_smoothing,
        )
        losses = tf.reshape(losses, tf.shape(targets))
        return tf.where(targets != PAD_ID, losses, tf.zeros_like(losses))
    positions = tf.where(targets != PAD_ID)  # (tokens, 2)
    losses = _projected_losses(
        tf.gather_nd(hidden, positions),
        tf.cast(kernel, hidden.dtype),
        tf.gather_nd(targets, positions),
        label_smoothing,
    )
    return tf.scatter_nd(positions, losses, tf.shape(targets, tf.int64))


def _projected_losses(rows, kernel, labels, label_smoothing) -> tf.Tensor:
    wide = _wide(rows.dtype)

    @tf.custom_gradient
    def losses(rows, kernel):
        logits = tf.matmul(rows, kernel, transpose_b=True)  # (tokens, words)
        probabilities = tf.nn.softmax(logits)
        log_total = _log_total(logits, probabilities, labels)
        target_rows = tf.gather(kernel, labels)  # (tokens, hidden)
        mean_row = tf.reduce_mean(tf.cast(kernel, wide), axis=0)
        expected = (1 - label_smoothing) * tf.cast(target_rows, wide)
        expected += label_smoothing * mean_row
        expected_logit = tf.reduce_sum(expected * tf.cast(rows, wide), axis=-1)
        value = log_total - expected_logit

        def gradient(upstream):
            dtype = rows.dtype
            weight = upstream[:, tf.newaxis]  # (tokens, 1)
            through = tf.cast(tf.matmul(probabilities, kernel), wide)
            rows_gradient = weight * (through - expected)
            weighted_rows = weight * tf.cast(rows, wide)
            kernel_gradient = tf.matmul(
                probabilities, tf.cast(weighted_rows, dtype), transpose_a=True
            )
            kernel_gradient = tf.cast(kernel_gradient, wide)
            if label_smoothing:
                words = tf.cast(tf.shape(kernel)[0], wide)
                spread = tf.reduce_sum(weighted_rows, axis=0) / words
                kernel_gradient -= label_smoothing * spread
            kernel_gradient = tf.tensor_scatter_nd_sub(
                kernel_gradient,
                labels[:, tf.newaxis],
                (1 - label_smoothing) * weighted_rows,
            )
            return tf.cast(rows_gradient, dtype), tf.cast(
                kernel_gradient, dtype
            )

        return value, gradient

    return losses(rows, kernel)


def _log_total(logits, probabilities, labels) -> tf.Tensor:
    """Returns logsumexp of each row of logits, float32 or float64."""
    wide = _wide(logits.dtype)

    def from_one_word(logit, probability):
        return tf.cast(logit, wide) - tf.math.log(tf.cast(probability, wide))

    if logits.dtype == tf.float16:
        # It has few digits below 2^-14, where the right word's often is; the
        # most probable one's is at least 1 / words.
        return from_one_word(
            tf.reduce_max(logits, axis=-1),
            tf.reduce_max(probabilities, axis=-1),
        )
    right = tf.gather(logits, labels, batch_dims=1)
    probability = tf.gather(probabilities, labels, batch_dims=1)
    return tf.cond(
        tf.reduce_all(probability > _SMALLEST),
        lambda: from_one_word(right, probability),
        lambda: tf.reduce_logsumexp(tf.cast(logits, wide), axis=-1),
    )


def token_losses(
    logits: tf.Tensor, targets: tf.Tensor, label_smoothing: float
) -> tf.Tensor:
    """Returns the loss of each token from its logits.

    Args:
        logits: (batch, target, vocabulary).
        targets: int32 (batch, target), 0 pads.
        label_smoothing: s above, in [0, 1).

    Returns:
        float32, or float64 of such logits, (batch, target), nats; 0 at
        padding.
    """

    @tf.custom_gradient
    def losses(logits):
        wide = tf.cast(logits, _wide(logits.dtype))
        highest = tf.reduce_max(wide, axis=-1, keepdims=True)
        exponentials = tf.exp(wide - highest)
        total = tf.reduce_sum(exponentials, axis=-1)
        right = tf.gather(wide, targets, batch_dims=2)
        value = tf.math.log(total) + highest[..., 0]
        value -= (1 - label_smoothing) * right
        if label_smoothing:
            value -= label_smoothing * tf.reduce_mean(wide, axis=-1)
        counts = targets != PAD_ID
        zeros = tf.zeros_like(value)

        def gradient(upstream):
            weight = tf.where(counts, upstream, zeros)
            words = logits.shape[-1]
            # 0 at padding, where exponentials may be no numbers.
            factor = tf.math.multiply_no_nan(1 / total, weight)
            weight = weight[..., tf.newaxis]
            result = tf.math.multiply_no_nan(
                exponentials, factor[..., tf.newaxis]
            )
            if label_smoothing:
                result -= weight * (label_smoothing / words)
            shape = tf.shape(result)
            rows = tf.range(tf.size(targets))
            result = tf.tensor_scatter_nd_sub(
                tf.reshape(result, [-1, words]),
                tf.stack([rows, tf.reshape(targets, [-1])], axis=1),
                tf.reshape((1 - label_smoothing) * weight, [-1]),
            )
            return tf.cast(tf.reshape(result, shape), logits.dtype)

        return tf.where(counts, value, zeros), gradient

    return losses(tf.convert_to_tensor(logits))


def unpack_tokens(data: tuple) -> tuple:
    """Returns inputs and targets of a batch as `fit` takes it.

    Raises:
        ValueError: if it has sample weights.
    """
    inputs, targets, weight = keras.utils.unpack_x_y_sample_weight(data)
    if weight is not None:
        raise ValueError(
            "The loss per token takes no `sample_weight`: mark targets that "
            "do not count with id 0, or compile with a Keras `loss`."
        )
    return inputs, targets


def mean_over_tokens(
    losses: tf.Tensor, targets: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the mean loss of the tokens, and how many there are, float32.

    Args:
        losses: of each token, 0 at padding, (batch, target).
        targets: int32 (batch, target), 0 pads.
    """
    tokens = tf.math.count_nonzero(targets, dtype=tf.float32)
    divisor = tf.cast(tf.maximum(tokens, 1.0), losses.dtype)
    return tf.reduce_sum(losses) / divisor, tokens


def _wide(dtype: tf.DType) -> tf.DType:
    return tf.float64 if dtype == tf.float64 else tf.float32
