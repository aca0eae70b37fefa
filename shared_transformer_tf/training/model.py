"""The training step: token-summed loss, aggregated gradients, one update."""

from typing import Any

import keras
import tensorflow as tf

from shared_transformer_tf.training import losses


class NormalizedGradientModel(keras.Model):
    """A Keras model trained on sequences of tokens, by the token.

    The loss is the label-smoothed cross-entropy summed over target tokens
    and divided once by their number, so padding and uneven batches do not
    weigh. Compiled with a `loss` of its own the model trains as plain Keras
    does.

    A subclass whose call returns logits (batch, target, vocabulary) needs
    nothing else; it may override `token_losses` with something cheaper.
    """

    def compile(
        self,
        optimizer: str | keras.optimizers.Optimizer = "adam",
        loss: Any = None,
        *,
        label_smoothing: float = 0.0,
        clip_norm: float = 0.0,
        **kwargs,
    ) -> None:
        """Configures training.

        Args:
            optimizer: as in Keras.
            loss: a Keras loss; `None` takes the cross-entropy per token.
            label_smoothing: probability spread over the vocabulary.
            clip_norm: bound on the global norm of the aggregated gradient of
                the loss per token; 0 does not clip.
            **kwargs: further arguments of `keras.Model.compile`.

        Raises:
            ValueError: if a number is out of range, or metrics are asked for
                without a `loss`.
        """
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                f"`label_smoothing` is {label_smoothing}, expected a "
                "probability below 1."
            )
        if clip_norm < 0:
            raise ValueError(f"`clip_norm` is {clip_norm}, expected 0 or more.")
        given = [n for n in ("metrics", "weighted_metrics") if kwargs.get(n)]
        if loss is None and given:
            raise ValueError(
                f"`{given[0]}` needs logits, which the loss per token does "
                "not make: compile with a Keras `loss` to have it."
            )
        super().compile(optimizer=optimizer, loss=loss, **kwargs)
        self.label_smoothing = label_smoothing
        self.clip_norm = clip_norm
        self._by_token = loss is None

    def token_losses(
        self,
        inputs: Any,
        targets: tf.Tensor,
        label_smoothing: float,
        training: bool,
    ) -> tf.Tensor:
        """Returns the loss of each token, float32 (batch, target), in nats.

        Args:
            inputs: what the model is called with.
            targets: int32 (batch, target), 0 pads.
            label_smoothing: probability spread over the vocabulary.
            training: whether to drop.
        """
        logits = self(inputs, training=training)
        return losses.token_losses(logits, targets, label_smoothing)

    def train_step(self, data: tuple) -> dict[str, tf.Tensor]:
        """Does one update on `(inputs, targets)`.

        Returns:
            `loss`, the mean per token since the metrics were reset, in nats;
            `tokens`, the target tokens of this batch; `gradient_norm` of the
            loss per token before clipping.
        """
        if not self._by_token:
            return super().train_step(data)
        inputs, targets = _unpack(data)
        with tf.GradientTape() as tape:
            token_losses = self.token_losses(
                inputs, targets, self.label_smoothing, training=True
            )
            loss_sum = tf.reduce_sum(token_losses)
        weights = self.trainable_variables  # built by now
        gradients = tape.gradient(loss_sum, [v.value for v in weights])
        tokens = _count_tokens(targets)
        gradients = [
            tf.convert_to_tensor(gradient) / tokens for gradient in gradients
        ]
        norm = tf.linalg.global_norm(gradients)
        if self.clip_norm:
            gradients, _ = tf.clip_by_global_norm(
                gradients, self.clip_norm, use_norm=norm
            )
        self.optimizer.apply(gradients, weights)
        self._loss_tracker.update_state(loss_sum / tokens, sample_weight=tokens)
        return {
            "loss": self._loss_tracker.result(),
            "tokens": tokens,
            "gradient_norm": norm,
        }

    def test_step(self, data: tuple) -> dict[str, tf.Tensor]:
        """Returns `loss`: cross-entropy per token without smoothing, nats."""
        if not self._by_token:
            return super().test_step(data)
        inputs, targets = _unpack(data)
        token_losses = self.token_losses(inputs, targets, 0.0, training=False)
        tokens = _count_tokens(targets)
        self._loss_tracker.update_state(
            tf.reduce_sum(token_losses) / tokens, sample_weight=tokens
        )
        return {"loss": self._loss_tracker.result()}

    def get_compile_config(self) -> dict[str, Any]:
        """Returns what `compile` was given, for `.keras` files."""
        config = super().get_compile_config()
        if not self.compiled:
            return config
        return config | {
            "label_smoothing": self.label_smoothing,
            "clip_norm": self.clip_norm,
        }

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles as `get_compile_config` describes."""
        config = keras.saving.deserialize_keras_object(config)
        self.compile(**config)
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)


def _unpack(data: tuple) -> tuple:
    inputs, targets, weight = keras.utils.unpack_x_y_sample_weight(data)
    if weight is not None:
        raise ValueError(
            "The loss per token takes no `sample_weight`: mark targets that "
            "do not count with id 0, or compile with a Keras `loss`."
        )
    return inputs, targets


def _count_tokens(targets: tf.Tensor) -> tf.Tensor:
    tokens = tf.math.count_nonzero(targets, dtype=tf.float32)
    return tf.maximum(tokens, 1.0)  # a batch of padding has loss 0
