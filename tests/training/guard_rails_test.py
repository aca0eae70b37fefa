"""What is not finite, or too large, is not applied; float16 scales down."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf import run_directory
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.training.guard_rails import GradientGuard
from tests.training.reused import (
    Tagger,
    assert_close,
    batch,
    tagger,
    trained,
    values,
)


def broken(model):
    """Makes the loss infinite: one weight is."""
    weight = model.hidden.kernel
    weight.assign(np.full(weight.shape, np.inf))


@pytest.mark.parametrize("slices", [1, 2])
def test_a_gradient_that_is_not_finite_is_not_applied(slices):
    model = tagger()
    trained(model, keras.optimizers.Adam(0.01), accumulation_steps=slices)
    broken(model)
    before = (
        [v.numpy().copy() for v in model.optimizer.variables],
        values(model),
    )
    logs = model.train_on_batch(*batch(), return_dict=True)
    assert logs["skipped"] == 1
    for old, new in zip(before[0], model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(old, new.numpy())
    for old, new in zip(before[1], values(model), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_gradient_above_the_limit_is_not_applied():
    start = values(tagger())
    high, logs = trained(tagger(), steps=1, max_gradient_norm=1e3)
    assert logs[0]["skipped"] == 0
    norm = logs[0]["gradient_norm"]
    low, logs = trained(tagger(), steps=1, max_gradient_norm=0.9 * norm)
    assert logs[0]["skipped"] == 1
    assert_close(low, start, 0)
    model = tagger(dtype="mixed_float16")
    _, logs = trained(model, steps=2, max_gradient_norm=0.9 * norm)
    assert [one["skipped"] for one in logs] == [1, 1]
    assert {one["loss_scale"] for one in logs} == {2.0**15}  # no overflow
    assert_close(values(model), start, 0)
    with pytest.raises(AssertionError):
        assert_close(high, start, 1e-4)


def test_float16_overflow_lowers_the_scale_once_and_training_goes_on():
    model = tagger(dtype="mixed_float16")
    model.compile(keras.optimizers.Adam(0.01))
    model.optimizer.initial_scale = 2.0**40
    scales, skipped = [], []
    for _ in range(40):
        before = values(model)
        logs = model.train_on_batch(*batch(), return_dict=True)
        skipped.append(logs["skipped"])
        scales.append(float(model.optimizer.dynamic_scale.numpy()))
        if logs["skipped"]:
            assert_close(values(model), before, 0)
        else:
            assert np.isfinite(logs["gradient_norm"])
    assert skipped[0] == 1 and skipped[-1] == 0
    number = int(sum(skipped))
    assert skipped == [1] * number + [0] * (40 - number)
    assert scales[-1] == 2.0 ** (40 - number)


def test_float16_gradients_are_unscaled():
    _, plain = trained(tagger(), steps=1)
    model = tagger(dtype="mixed_float16")
    _, half = trained(
        model,
        keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), 256.0),
        steps=1,
    )
    ratio = half[0]["gradient_norm"] / plain[0]["gradient_norm"]
    assert ratio == pytest.approx(1, abs=0.02)


@tf.custom_gradient
def without_finite_gradient(losses):
    return losses, lambda upstream: upstream * float("inf")


class Hopeless(Tagger):
    """No scale makes its gradient finite; its loss is."""

    def token_losses(self, *args, **kwargs):
        return without_finite_gradient(super().token_losses(*args, **kwargs))


@pytest.mark.parametrize("action", ["stop", "skip"])
def test_an_overflow_that_no_scale_ends_is_told(action, caplog):
    model = Hopeless(dtype="mixed_float16")
    model.compile(keras.optimizers.Adam(0.01))
    callback = GradientGuard(action, 0, lambda step: [step], lambda: "")
    callback.set_model(model)
    before = values(model)

    def update(step):
        logs = model.train_on_batch(*batch(), return_dict=True)
        callback.on_train_batch_end(step, logs)

    for step in range(15):  # from 2 ** 15 to 1
        update(step)
    with caplog.at_level("WARNING", logger="absl"):
        if action == "stop":
            with pytest.raises(InputError, match="Update 16 .*norm (inf|nan)"):
                update(15)
        else:
            assert "Update" not in caplog.text
            for step in range(15, 18):
                update(step)
            assert "Update 16 was" in caplog.text
            assert "Update 18 was" in caplog.text
    assert float(model.optimizer.dynamic_scale.numpy()) == 1.0
    assert_close(values(model), before, 0)


def guard(action, checkpoint="step_0000010"):
    return GradientGuard(
        action, 10, lambda step: [step, 7, 3], lambda: checkpoint
    )


def logs(skipped, loss=1.0, norm=2.0, scale=1.0):
    return {
        "skipped": skipped,
        "batch_loss": loss,
        "gradient_norm": norm,
        "loss_scale": scale,
    }


def test_stop_names_update_lines_and_checkpoint():
    callback = guard("stop")
    callback.on_train_batch_end(0, logs(0.0))
    with pytest.raises(InputError) as caught:
        callback.on_train_batch_end(1, logs(1.0, norm=np.inf))
    message = str(caught.value)
    assert message.startswith("Update 12 was not applied")
    assert "corpus lines 3, 7, 11." in message
    assert "Last good checkpoint: step_0000010." in message
    assert "on_bad_gradient=skip" in message and "\n" not in message
    assert "training.on_bad_gradient" in run_directory.MAY_CHANGE


def test_a_loss_without_any_finite_batch_is_no_number():
    model = tagger()
    trained(model, keras.optimizers.Adam(0.01), steps=2)
    good = values(model)
    broken(model)
    history = model.fit(*batch(), batch_size=2, epochs=2, verbose=0).history
    assert np.isnan(history["loss"]).all()
    assert min(history["skipped"]) == 1
    model.reset_metrics()  # as at the beginning of an epoch
    logs = model.train_on_batch(*batch(), return_dict=True)
    assert np.isnan(logs["loss"])
    for weight, value in zip(model.weights, good, strict=True):
        weight.assign(value)
    logs = model.train_on_batch(*batch(), return_dict=True)
    assert logs["loss"] == pytest.approx(logs["batch_loss"])


def test_skip_says_so_and_goes_on(caplog):
    callback = guard("skip")
    with caplog.at_level("WARNING", logger="absl"):
        callback.on_train_batch_end(0, logs(1.0, loss=np.nan, norm=np.nan))
    assert "Update 11 was not applied: its loss is nan" in caplog.text


def test_an_overflow_of_the_loss_scale_is_no_error():
    callback = guard("stop")
    callback.on_train_batch_end(0, logs(1.0, norm=np.inf, scale=2.0))
    with pytest.raises(InputError, match="Update 12"):
        callback.on_train_batch_end(1, logs(1.0, np.inf, np.inf, 2.0))
    with pytest.raises(InputError, match="Update 13"):
        callback.on_train_batch_end(2, logs(1.0, 1.0, 99.0, 2.0))


def test_long_batches_name_the_first_lines():
    callback = GradientGuard("stop", 0, lambda step: range(50), lambda: "")
    with pytest.raises(InputError, match="18, 19 and 30 more.*none"):
        callback.on_train_batch_end(0, logs(1.0))
