"""What would train otherwise than it says is refused when compiling."""

import math

import keras
import pytest

from shared_transformer_tf.training import compile_checks
from shared_transformer_tf.training.step_settings import StepSettings


def check(optimizer="adam", loss=None, replicas=1, others=(), **settings):
    compile_checks.check(
        optimizer, loss, StepSettings(**settings), replicas, dict(others)
    )


def adam(**settings):
    return keras.optimizers.Adam(1e-3, **settings)


def test_smoothing_is_of_the_loss_per_token():
    check(label_smoothing=0.1)
    with pytest.raises(ValueError, match="give it to the Keras `loss`"):
        check(loss="mse", label_smoothing=0.1)


@pytest.mark.parametrize("name", ["metrics", "weighted_metrics"])
def test_metrics_need_a_loss(name):
    check(loss="mse", others={name: ["mae"]})
    with pytest.raises(ValueError, match=f"`{name}` needs logits"):
        check(others={name: ["mae"]})


@pytest.mark.parametrize("name", ["clipnorm", "clipvalue", "global_clipnorm"])
def test_clips_of_keras_are_those_of_one_replica(name):
    check(adam(**{name: 1.0}))
    check(adam(), replicas=2)
    wrapped = keras.optimizers.LossScaleOptimizer(adam(**{name: 1.0}))
    for optimizer in (adam(**{name: 1.0}), wrapped):
        with pytest.raises(ValueError, match=f"{name}=1.0, .*`clip_norm`"):
            check(optimizer, replicas=2)


@pytest.mark.parametrize("value", [-1.0, math.inf, math.nan])
@pytest.mark.parametrize(
    "name", ["clip_norm", "per_use_clip_norm", "max_gradient_norm"]
)
def test_norms_are_finite_numbers(name, value):
    with pytest.raises(ValueError, match=f"`{name}` is {value}, expected a"):
        StepSettings(**{name: value, "gradient_rule": "clip"})


def test_accumulation_of_keras_is_refused():
    with pytest.raises(ValueError, match="`accumulation_steps`"):
        check(adam(gradient_accumulation_steps=2))


def test_several_optimizers_have_no_common_scaling():
    several = keras.optimizers.MultiOptimizer(
        keras.optimizers.OptimizerMap(adam())
    )
    check(several)
    check(adam(), update_scaling="uses")
    with pytest.raises(ValueError, match="MultiOptimizer has several"):
        check(several, update_scaling="uses")


def test_each_of_several_optimizers_is_looked_at():
    several = keras.optimizers.OptimizerMap(adam())
    several["bias"] = adam(clipnorm=1.0)
    optimizer = keras.optimizers.MultiOptimizer(several)
    check(optimizer)
    with pytest.raises(ValueError, match="clipnorm=1.0"):
        check(optimizer, replicas=2)


def test_an_optimizer_given_as_its_config_is_looked_at():
    config = keras.optimizers.serialize(adam(clipnorm=1.0))
    check(config)
    with pytest.raises(ValueError, match="clipnorm=1.0"):
        check(config, replicas=2)
