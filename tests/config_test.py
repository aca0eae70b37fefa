"""The config: round trip, and one clear line for every wrong value."""

import pytest

from shared_transformer_tf.config import Config
from shared_transformer_tf.errors import InputError


def test_defaults_are_valid_and_round_trip():
    config = Config()
    config.validate()
    config.model.num_layers = 6
    config.model.num_blocks = 3
    config.model.sharing = "cycle_rev"
    assert Config.from_json(config.to_json()) == config
    config.validate()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("model.num_heads", 3, "does not divide"),
        ("model.hidden_dim", 127, "does not divide"),
        ("model.num_layers", 0, "above 0"),
        ("model.num_layers", 2.5, "of type int"),
        ("model.dropout", 1.0, "below 1"),
        ("model.activation", "tanh", "relu, gelu, silu"),
        ("model.sharing", "cycle", "num_blocks"),
        ("model.residual_scale", "deepnorm", "post"),
        ("model.shared_with_decoder", "layer_norm", "feed_forward"),
        ("training.optimizer", "lion", "adafactor"),
        ("training.precision", "float16", "mixed_bfloat16"),
        ("training.learning_rate", 0.0, "above 0"),
        ("data.batch_tokens", 100, "less than one sentence"),
        ("data.source_language", 3, "of type str"),
        ("tokenizer.joint", False, "tied_embeddings"),
        ("decoder.num_layers", 0, "above 0"),
        ("decoder.normalization", "none", "None, pre, post"),
        ("decoder.residual_scale", "deepnorm", "set decoder.normalization"),
        ("decoder.unshared_first", 9, "leaves no layer"),
        ("decoder.depth_embedding", 1, "bool or NoneType"),
    ],
)
def test_wrong_values(name, value, message):
    config = Config()
    section, field = name.split(".")
    setattr(getattr(config, section), field, value)
    with pytest.raises(InputError, match=message) as error:
        config.validate()
    assert "\n" not in str(error.value)


def test_unknown_fields_list_the_valid_ones():
    with pytest.raises(InputError, match="num_heads"):
        Config.from_dict({"model": {"heads": 4}})
    with pytest.raises(InputError, match="data, tokenizer, model"):
        Config.from_dict({"modle": {}})


def test_whole_numbers_become_floats():
    config = Config()
    config.training.clip_norm = 1
    config.validate()
    assert type(config.training.clip_norm) is float


def test_a_decoder_cannot_borrow_more_than_there_is():
    config = Config()
    config.model.sharing = "cycle"
    config.model.num_blocks = 2
    config.decoder.sharing = "none"
    config.model.shared_with_decoder = "feed_forward"
    with pytest.raises(InputError, match="decoder needs 4"):
        config.validate()


def test_a_lent_feed_forward_keeps_its_activation():
    config = Config()
    config.model.shared_with_decoder = "feed_forward"
    config.decoder.activation = "gelu"
    with pytest.raises(InputError, match="leave it unset"):
        config.validate()
