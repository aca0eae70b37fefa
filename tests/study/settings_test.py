import pytest

from shared_transformer_tf.config import Config
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study import settings


def test_the_config_that_is_changed_stays_as_it_is():
    before = Config()
    after = settings.changed(before, {"model.dropout": 0.3})
    assert after.model.dropout == 0.3
    assert before == Config()


@pytest.mark.parametrize("name", ["model.width", "width", "models.dropout"])
def test_no_such_field(name):
    with pytest.raises(InputError, match=f"no field '{name}'"):
        settings.changed(Config(), {name: 1})


def test_values_are_checked():
    with pytest.raises(InputError, match="model.dropout is 2"):
        settings.changed(Config(), {"model.dropout": 2.0})


def test_portable_says_no_place():
    config = Config()
    for section in (config.data, config.tokenizer):
        for name, value in vars(section).items():
            if value == "":
                setattr(section, name, "/some/where")
    assert settings.portable(config) == Config()
    config.training.learning_rate = 1.0
    assert settings.portable(config).training.learning_rate == 1.0
