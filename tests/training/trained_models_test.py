"""Another's model, and what is left of settings after saving."""

import keras
import keras_nlp
import numpy as np
import pytest

from shared_transformer_tf.models.transformer import SharedTransformer
from shared_transformer_tf.training.model import NormalizedGradientModel
from tests.training.reused import (
    assert_close,
    batch,
    trained,
    values,
)


def transformer(sharing="universal", dropout=0.0, **kwargs):
    keras.utils.set_random_seed(0)
    return SharedTransformer(
        15,
        num_layers=3,
        sharing=sharing,
        hidden_dim=8,
        num_heads=2,
        intermediate_dim=12,
        dropout=dropout,
        seed=1,
        **kwargs,
    )


def albert(**settings):
    keras.utils.set_random_seed(0)
    backbone = keras_nlp.models.AlbertBackbone(
        vocabulary_size=20,
        num_layers=3,
        num_heads=2,
        embedding_dim=6,
        hidden_dim=8,
        intermediate_dim=12,
        num_groups=1,
        num_inner_repetitions=1,
        max_sequence_length=4,
        dropout=0.1,
    )
    head = keras.layers.Dense(2)(backbone.output["pooled_output"])
    model = NormalizedGradientModel(backbone.input, head)
    model.compile(
        keras.optimizers.Adam(0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        **settings,
    )
    return model


def albert_data():
    ids = np.random.default_rng(0).integers(1, 20, (32, 4))
    features = {
        "token_ids": ids,
        "segment_ids": np.zeros_like(ids),
        "padding_mask": np.ones_like(ids),
    }
    return features, (ids[:, 0] > 10).astype("int32")


@pytest.mark.parametrize("rule", ["none", "unit"])
def test_albert_trains_as_it_is(rule):
    model = albert(gradient_rule=rule, accumulation_steps=2)
    counts = model.count_uses(albert_data())
    assert set(counts.values()) == {1, 3}
    history = model.fit(*albert_data(), epochs=12, verbose=0).history
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    assert history["accuracy"][-1] > history["accuracy"][0]


def test_settings_survive_a_file_and_steps_go_on_alike(tmp_path):
    settings = dict(
        gradient_rule={"embed": "none", "": "aligned"},
        update_scaling="uses",
        accumulation_steps=2,
        clip_norm=0.5,
        max_gradient_norm=100.0,
    )
    model = transformer(dropout=0.2)
    trained(model, keras.optimizers.Adam(0.01), **settings)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.step_settings == model.step_settings
    for one in (model, again):
        one.train_on_batch(*batch(9))
    assert_close(values(again), values(model), 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gradient_rule": "mean"}, "mean"),
        ({"gradient_rule": "clip"}, "per_use_clip_norm"),
        ({"per_use_clip_norm": 1.0}, "no gradient rule is `clip`"),
        ({"update_scaling": "half"}, "Valid: none, sqrt_uses, uses"),
        ({"accumulation_steps": 0}, "accumulation_steps"),
        ({"max_gradient_norm": -1.0}, "max_gradient_norm"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        transformer().compile("adam", **settings)
