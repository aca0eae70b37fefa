"""What Keras' `fit` lacks under a distribution strategy."""

from typing import Any

import keras
import tensorflow as tf

from shared_transformer_tf.training import strategies


class DistributedModel(keras.Model):
    """A model whose `fit` and `evaluate` work under every strategy.

    Keras averages the first batch over replicas to learn its shapes, which
    fails for unequal numbers of rows and for several workers; it takes the
    first axis of what a worker's step returns for that of its replicas; and
    where a step tells more than metrics, `fit` shows those of one replica.
    """

    def _maybe_symbolic_build(
        self, iterator: Any = None, data_batch: Any = None
    ) -> None:
        if self._distribute_strategy is None:
            return
        strategy = self.distribute_strategy
        if iterator is not None:
            for _, _, batches in iterator:
                data_batch = next(batches)
                break
        data_batch = tf.nest.map_structure(
            lambda value: strategy.experimental_local_results(value)[0],
            data_batch,
        )
        with strategy.scope():
            self._symbolic_build(data_batch=data_batch)

    def make_train_function(self, force: bool = False) -> None:
        """Makes what `fit` runs, and the optimizer's variables before it.

        Keras does so under a strategy alone. Variables made in the step's
        first trace have TensorFlow trace it again.

        Args:
            force: as in Keras.
        """
        if not self.optimizer.built and all(
            layer.built for layer in self._flatten_layers()
        ):
            self.optimizer.build(self.trainable_variables)
        super().make_train_function(force)

    compiled_by_xla = False  # forward and backward pass of a training step

    @property
    def wants_static_shapes(self) -> bool:
        """Whether XLA compiles the step: as told, or on a TPU always."""
        on_tpu = strategies.is_tpu(self.distribute_strategy)
        return self.compiled_by_xla or on_tpu

    def get_metrics_result(self) -> dict[str, Any]:
        """Returns what the metrics hold; the loss of nothing is NaN, not 0."""
        found, loss = super().get_metrics_result(), self._loss_tracker
        if "loss" in found:
            found["loss"] = tf.convert_to_tensor(loss.total) / loss.count
        return found

    def _get_metrics_result_or_logs(self, logs: dict[str, Any]) -> dict:
        return logs | self.get_metrics_result()  # of all replicas

    def logs_of_replica(
        self, values: dict[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """Returns scalars as `train_step` and `test_step` have to."""
        if not strategies.has_several_workers(self.distribute_strategy):
            return values
        return {
            name: tf.reshape(tf.convert_to_tensor(value), [1])
            for name, value in values.items()
        }
