"""The training step: aggregated gradients, one rule, one update for all."""

import collections
import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from shared_transformer_tf.training import (
    compile_checks,
    functional,
    keras_loss,
    losses,
    replicas,
)
from shared_transformer_tf.training import gradients as gradients_lib
from shared_transformer_tf.training.accumulation import sum_over_slices
from shared_transformer_tf.training.distributed import DistributedModel
from shared_transformer_tf.training.optimizers import scale_updates
from shared_transformer_tf.training.step_settings import StepSettings
from shared_transformer_tf.uses import UseRecorder


class NormalizedGradientModel(DistributedModel):
    """A Keras model whose weights may be used several times in a pass.

    The gradient of a weight is summed over its uses, over the slices of a
    batch and over the replicas, divided once by what the loss is counted in,
    combined by a rule of `GradientRules`, clipped, and applied on all
    replicas or, where it is not finite, on none.

    Compiled without `loss`, the loss is the label-smoothed cross-entropy
    summed over target tokens and divided once by their number, so padding
    and uneven batches do not weigh, and what layers and regularizers add. A
    subclass whose call returns logits (batch, target, vocabulary) needs
    nothing else; it may override `token_losses` with something cheaper. A
    Keras `loss` has to be a mean over rows: slices and replicas weigh by
    their rows.

    What layers draw from `keras.random.SeedGenerator` in a step depends on
    its number, the slice and the replica, not on what was drawn before.

    Example:
        outputs = keras.layers.Dense(2)(backbone.output["pooled_output"])
        model = NormalizedGradientModel(backbone.input, outputs)
        model.compile("adam", loss, gradient_rule="unit")
    """

    def __init__(self, *args, **kwargs):
        if functional.is_functional(args, kwargs):
            made_by_keras = type(keras.Model(*args, **kwargs))
            self.__class__ = functional.functional_class(
                type(self), made_by_keras
            )
            self.__init__(*args, **kwargs)
        else:
            super().__init__(*args, **kwargs)

    def compile(
        self,
        optimizer: str | keras.optimizers.Optimizer = "adam",
        loss: Any = None,
        *,
        label_smoothing: float = 0.0,
        clip_norm: float = 0.0,
        gradient_rule: str | Mapping[str, str] = "none",
        per_use_clip_norm: float = 0.0,
        update_scaling: str = "none",
        accumulation_steps: int = 1,
        max_gradient_norm: float = 0.0,
        jit_compile: bool | str = False,
        **kwargs,
    ) -> None:
        """Configures training.

        Args:
            optimizer: as in Keras.
            loss: as in Keras; `None` takes the cross-entropy per token.
            label_smoothing: see `StepSettings` for this one and those up to
                `max_gradient_norm`.
            clip_norm: of the aggregated gradient.
            gradient_rule: for the gradients of a weight's uses.
            per_use_clip_norm: of the rule `clip`.
            update_scaling: by the uses of a weight.
            accumulation_steps: slices of a batch.
            max_gradient_norm: of what is applied.
            jit_compile: `True` has XLA compile forward and backward pass.
            **kwargs: further arguments of `keras.Model.compile`.

        Raises:
            ValueError: if a setting is out of range, or would do something
                else than it says; see `compile_checks`.
        """
        settings = StepSettings(
            label_smoothing=label_smoothing,
            clip_norm=clip_norm,
            gradient_rule=gradient_rule,
            per_use_clip_norm=per_use_clip_norm,
            update_scaling=update_scaling,
            accumulation_steps=accumulation_steps,
            max_gradient_norm=max_gradient_norm,
        )
        replicas_in_all = self.distribute_strategy.num_replicas_in_sync
        compile_checks.check(optimizer, loss, settings, replicas_in_all, kwargs)
        super().compile(
            optimizer=optimizer, loss=loss, jit_compile=False, **kwargs
        )
        self.step_settings = settings
        self._by_token = loss is None
        self.compiled_by_xla = jit_compile is True

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

    def count_uses(self, data: tuple) -> dict[str, int]:
        """Returns the uses of each trainable weight in a pass, by its path.

        Nothing is computed: the forward pass is traced. `uses.describe` makes
        a table of it. The second weight of a path is `path#2`.

        Args:
            data: a batch as `fit` takes it.

        Raises:
            UnclearUseError: if a weight is read where uses cannot be counted.
        """
        seen = collections.Counter()
        found = {}
        weights = self.trainable_variables
        counts = self._counts(data, weights)
        for weight, count in zip(weights, counts, strict=True):
            seen[weight.path] += 1
            number = seen[weight.path]
            found[weight.path + (f"#{number}" if number > 1 else "")] = count
        return found

    def _counts(self, data: tuple, asked: list[keras.Variable]) -> list[int]:
        self._ensure_built(data)
        record = UseRecorder(self.trainable_variables, alone=asked)

        def forward(data):
            with record:
                self._forward(data)

        tf.function(forward, autograph=False).get_concrete_function(data)
        return record.counts()

    def _ensure_built(self, data: tuple) -> None:
        if not self.built:
            function = tf.function(self._forward, autograph=False)
            function.get_concrete_function(data)

    def train_step(self, data: tuple) -> dict[str, tf.Tensor]:
        """Does one update on a batch.

        Returns:
            `loss`, the mean since the metrics were reset, in nats per token,
            of batches where it is finite; `batch_loss` of this one; `tokens`
            on all replicas, or rows under a Keras loss; `gradient_norm` of
            the mean loss, after the gradient rule and before clipping;
            `skipped`, 1 if the gradient was not applied; `loss_scale` that
            it was taken with, 1 without scaling; the metrics of `compile`.
        """
        settings = self.step_settings
        rules = settings.rules()
        self._ensure_built(data)
        weights = self.trainable_variables
        apart = rules.wanting_each_use(weights)
        sums, uses = self.batch_sums(data, weights, apart)
        loss, count, *summed = replicas.sum_over_replicas(sums)
        count = tf.maximum(count, 1.0)  # a batch of padding has loss 0
        loss /= count
        means = [total / tf.cast(count, total.dtype) for total in summed]
        numbers = gradients_lib.gradient_numbers(weights, apart, uses)
        gradients = rules.combine(
            weights, gradients_lib.group(means, numbers), uses
        )
        norm = tf.linalg.global_norm(gradients)
        loss_finite = tf.math.is_finite(loss)
        finite = good = loss_finite & tf.math.is_finite(norm)
        if settings.max_gradient_norm:
            good &= norm <= settings.max_gradient_norm
        if settings.clip_norm:
            gradients, _ = tf.clip_by_global_norm(
                gradients, settings.clip_norm, use_norm=norm
            )
        scale_updates(self.optimizer, settings.update_scaling, weights, uses)
        scale = replicas.loss_scale(self.optimizer)
        replicas.apply_if(good, finite, self.optimizer, gradients, weights)
        self._loss_tracker.update_state(
            tf.where(loss_finite, loss, 0.0), tf.where(loss_finite, count, 0.0)
        )
        logs = self.get_metrics_result() | {
            "batch_loss": loss,
            "tokens": count,
            "gradient_norm": norm,
            "skipped": 1.0 - tf.cast(good, tf.float32),
            "loss_scale": scale,
        }
        return self.logs_of_replica(logs)

    def batch_sums(self, data, weights, apart) -> tuple[list, list[int]]:
        """What `gradient_sums` returns, over the slices of the batch."""
        slices = self.step_settings.accumulation_steps
        scale = replicas.loss_scale(self.optimizer)
        first_part = replicas.replica_number() * slices
        uses: list[int] = []
        counted = self.step_settings.weights_counted(weights)

        def of_slice(data, index):
            seeds = gradients_lib.fresh_seeds(
                self, self.optimizer.iterations, first_part + index
            )

            def compute(data, states, scale):
                sums, uses[:] = gradients_lib.gradient_sums(
                    lambda: self._forward(data),
                    lambda outputs: self._mean_loss(data, outputs),
                    weights,
                    apart,
                    [(v, s) for (v, _), s in zip(seeds, states, strict=True)],
                    scale,
                    counted,
                )
                return sums

            if self.compiled_by_xla:
                of_xla = {"autograph": False, "jit_compile": True}
                compute = tf.function(compute, **of_xla)
            return compute(data, [state for _, state in seeds], scale)

        if slices == 1:
            return of_slice(data, 0), uses
        counts = self._counts(data, apart) if apart else [1] * len(weights)
        numbers = gradients_lib.gradient_numbers(weights, apart, counts)
        like = gradients_lib.sum_specs(weights, numbers)
        return sum_over_slices(of_slice, data, slices, like), uses

    def _forward(self, data: tuple) -> Any:
        """What a loss is made of: that of each token, or the outputs."""
        if not self._by_token:
            inputs, _, _ = keras.utils.unpack_x_y_sample_weight(data)
            return self(inputs, training=True)
        inputs, targets = losses.unpack_tokens(data)
        smoothing = self.step_settings.label_smoothing
        return self.token_losses(inputs, targets, smoothing, training=True)

    def _mean_loss(self, data: tuple, outputs) -> tuple[tf.Tensor, tf.Tensor]:
        """The loss in training, and what it is counted in, float32."""
        if self._by_token:
            _, targets = losses.unpack_tokens(data)
            loss, tokens = losses.mean_over_tokens(outputs, targets)
            # of layers and regularizers
            for one in self.losses:
                loss += tf.reduce_sum(tf.cast(one, loss.dtype))
            return loss, tokens
        return keras_loss.mean_over_rows(self, data, outputs)

    def test_step(self, data: tuple) -> dict[str, tf.Tensor]:
        """Returns `loss`: cross-entropy per token without smoothing, nats."""
        if not self._by_token:
            return self.logs_of_replica(super().test_step(data))
        inputs, targets = losses.unpack_tokens(data)
        token_losses = self.token_losses(inputs, targets, 0.0, training=False)
        loss, tokens = losses.mean_over_tokens(token_losses, targets)
        self._loss_tracker.update_state(loss, sample_weight=tokens)
        return self.logs_of_replica({"loss": self._loss_tracker.result()})

    def get_compile_config(self) -> dict[str, Any]:
        """Returns what `compile` was given, for `.keras` files."""
        config = super().get_compile_config()
        if not self.compiled:
            return config
        settings = dataclasses.asdict(self.step_settings)
        return config | settings | {"jit_compile": self.compiled_by_xla}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles as `get_compile_config` describes."""
        config = keras.saving.deserialize_keras_object(config)
        self.compile(**config)
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)
