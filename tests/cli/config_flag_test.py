import pytest
from absl import flags

from shared_transformer_tf import config as config_lib
from shared_transformer_tf import errors
from shared_transformer_tf.cli import config_flag


def parse(*arguments):
    values = flags.FlagValues()
    values(config_flag.define(values, ["name", *arguments], "numbers"))
    return values.config


def write(folder, text):
    path = folder / "mine.py"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", config_flag.shipped_names())
def test_shipped_configs_are_valid(name):
    config_flag.load(name).validate()
    assert "EXPECTED" not in config_flag.find(name).read_text("utf-8")


def test_shipped_configs_have_the_documented_names():
    assert set(config_flag.shipped_names()) >= {
        "multi30k",
        "multi30k_shared",
        "numbers",
        "wmt14_en_de",
    }


def test_shared_recipe_differs_in_sharing_and_learning_rate_alone():
    unshared, shared = map(config_flag.load, ("multi30k", "multi30k_shared"))
    assert shared != unshared
    shared.model.num_blocks = unshared.model.num_blocks
    shared.model.sharing = unshared.model.sharing
    assert shared.training.learning_rate > unshared.training.learning_rate
    shared.training.learning_rate = unshared.training.learning_rate
    assert shared == unshared


def test_multi30k_folder_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("MULTI30K_DIR", "/some/where")
    assert config_flag.load("multi30k").data.directory == "/some/where"
    monkeypatch.delenv("MULTI30K_DIR")
    assert config_flag.load("multi30k").data.directory == "data/multi30k"


def test_default_overrides_and_order():
    assert parse() == config_flag.load("numbers")
    config = parse(
        "--config.training.max_steps=3",
        "--config.model.depth_embedding",
        "--noconfig.tokenizer.joint",
        "--config",
        "multi30k",
        "--config.model.num_blocks=2",
        "--config.decoding.alpha",
        "0.5",
    )
    assert config.data.corpus == "text"
    assert config.training.max_steps == 3
    assert config.model.depth_embedding is True
    assert config.tokenizer.joint is False
    assert config.model.num_blocks == 2
    assert config.decoding.alpha == 0.5


def test_none_unsets_what_may_be_unset():
    config = parse(
        "--config=multi30k_shared",
        "--config.model.num_blocks=none",
        "--config.decoder.num_layers=3",
        "--config.decoder.depth_embedding",
        "--config.decoder.num_layers=None",
        "--config.decoder.depth_embedding=none",
        "--config.decoder.num_blocks=none",
        "--config.decoder.num_blocks=2",
        "--config.decoder.sharing=none",
    )
    assert config.model.num_blocks is None
    assert config.decoder == config_lib.DecoderConfig(
        num_blocks=2, sharing="none"
    )


def test_parsing_twice_does_not_remember():
    parse("--config.training.max_steps=3")
    assert parse() == config_flag.load("numbers")


def test_file_that_states_what_differs(tmp_path):
    path = write(
        tmp_path,
        "from shared_transformer_tf.config import Config\n"
        "def get_config():\n"
        "    config = Config()\n"
        "    config.model.num_layers = 3\n"
        "    return config\n",
    )
    expected = config_lib.Config()
    expected.model.num_layers = 3
    assert parse(f"--config={path}") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "no function get_config"),
        ("def get_config(): return {}", "returns dict, expected"),
        (
            "def get_config():\n    return 1 / 0",
            r"fails with ZeroDivisionError: division by zero \(line 2\)$",
        ),
        ("def get_config(:", r"SyntaxError: .*, line 1\)$"),
        (
            "from shared_transformer_tf.config import Config\n"
            "def get_config():\n"
            "    config = Config()\n"
            "    config.model.num_layer = 3\n"
            "    return config\n",
            "'model.num_layer' in .*Did you mean model.num_layers",
        ),
    ],
)
def test_wrong_config_files(text, message, tmp_path):
    with pytest.raises(errors.InputError, match=message) as error:
        config_flag.load(write(tmp_path, text))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["nope", "no/nope.py", "", "numbers.txt"])
def test_absent_config_lists_the_shipped_ones(name):
    with pytest.raises(errors.InputError, match="multi30k, multi30k_pub"):
        config_flag.load(name)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--config.model.num_layer=3", "Did you mean model.num_layers?"),
        ("--config.modle.x=3", "Sections: data, decoder, decoding, model"),
        ("--config.model=3", "Fields of model: activation"),
        ("--noconfig.model.x", "Fields of model: activation"),
    ],
)
def test_unknown_field_lists_the_valid_ones(argument, message):
    with pytest.raises(errors.InputError) as caught:
        parse(argument)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
