import pytest

from shared_transformer_tf.config import Config
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study import settings, tasks


def test_a_task_sets_both_languages():
    config = settings.changed(Config(), tasks.parse("fr-cs").settings)
    assert config.data.source_language == "fr"
    assert config.data.target_language == "cs"


@pytest.mark.parametrize("name", ["en", "en-en", "en_de", "en-de-fr", "EN-DE"])
def test_other_names_are_refused(name):
    with pytest.raises(InputError, match="no task"):
        tasks.parse(name)


def test_text_that_is_missing_is_told_for_each_split(tmp_path):
    config = Config()
    config.data.corpus = "text"
    config.data.directory = str(tmp_path)
    for split in ("train", "val", "test"):
        with pytest.raises(InputError, match=f"{split}\\.(en|de)"):
            tasks.check_text(config)
        for language in ("en", "de"):
            (tmp_path / f"{split}.{language}").write_text("a b\n")
    tasks.check_text(config)
