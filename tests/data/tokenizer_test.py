"""Properties of the tokenizer."""

import io

import pytest
import sentencepiece

from shared_transformer_tf import config as config_lib
from shared_transformer_tf import errors
from shared_transformer_tf.data import corpus, tokenizer


@pytest.fixture(scope="module", name="text")
def fixture_text():
    config = config_lib.DataConfig(
        numbers_train=500, numbers_valid=50, numbers_test=50
    )
    return corpus.load_split(config, "train", seed=1)


def train(text, **fields):
    config = config_lib.TokenizerConfig(**{"vocabulary_size": 80, **fields})
    return tokenizer.Tokenizer.train(text.source, text.target, config)


@pytest.mark.parametrize("model_type", ["unigram", "bpe"])
@pytest.mark.parametrize("joint", [True, False])
def test_training_twice_gives_the_same_bytes(text, joint, model_type):
    first, again = (
        train(text, joint=joint, model_type=model_type) for _ in range(2)
    )
    assert first.source_model == again.source_model
    assert first.target_model == again.target_model
    assert (first.source_model == first.target_model) == joint


@pytest.mark.parametrize("joint", [True, False])
def test_text_survives_encoding_saving_and_decoding(text, joint, tmp_path):
    train(text, joint=joint).save(tmp_path)
    loaded = tokenizer.Tokenizer.load(tmp_path)
    assert loaded.joint == joint
    ids = loaded.encode_target(text.target)
    assert loaded.decode_target(ids) == text.target
    assert all(3 < index < 80 for row in ids for index in row)


@pytest.mark.parametrize("joint", [True, False])
def test_saving_leaves_no_models_of_the_other_kind(text, joint, tmp_path):
    train(text, joint=not joint).save(tmp_path)
    saved = train(text, joint=joint)
    saved.save(tmp_path)
    loaded = tokenizer.Tokenizer.load(tmp_path)
    assert loaded.joint == joint
    assert loaded.source_model == saved.source_model


def test_saving_leaves_only_the_models(text, tmp_path):
    train(text, joint=False).save(tmp_path / "new")
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == ["source.model", "target.model"]


def test_decoding_passes_over_special_ids(text):
    model = train(text)
    (ids,) = model.encode_target(["zwölf"])
    assert model.decode_target([[2, *ids, 3, 0, 0], [0, 3], []]) == [
        "zwölf",
        "",
        "",
    ]


def test_every_id_of_the_vocabulary_can_be_decoded(text):
    model = train(text)
    rows = [[index] for index in range(model.target_vocabulary_size)]
    assert len(model.decode_target(rows)) == 80


def test_digits_are_split_where_asked():
    lines = ["12 34 56 12 1234 x1 12"] * 20
    text = corpus.ParallelText(lines, lines)
    options = {"vocabulary_size": 12, "model_type": "bpe"}
    split = train(text, split_digits=True, **options)
    assert len(split.encode_source(["1234"])[0]) >= 4


def test_an_impossible_vocabulary_says_the_largest_possible():
    text = corpus.ParallelText(["hello world"], ["ein zwei drei"])
    with pytest.raises(errors.InputError, match="is 8000.* at most") as caught:
        train(text, vocabulary_size=8000)
    largest = int(str(caught.value).split("at most ")[1].split(":")[0])
    assert train(text, vocabulary_size=largest).source_vocabulary_size


def test_a_vocabulary_below_the_characters_says_the_smallest():
    text = corpus.ParallelText(["hello world"], ["ein zwei drei"])
    with pytest.raises(errors.InputError, match="alone need 1"):
        train(text, vocabulary_size=5)


@pytest.mark.parametrize("line", ["", "\u2028", "\u3000", "a b " * 1200])
def test_text_without_sentences_is_refused(line):
    with pytest.raises(errors.InputError, match="no sentence.*4,192 bytes"):
        train(corpus.ParallelText([line], [line]))


@pytest.mark.parametrize("content", [b"", b"garbage", bytes(100)])
def test_a_file_that_is_no_model_is_refused(content, tmp_path):
    file = tmp_path / "some.model"
    file.write_bytes(content)
    with pytest.raises(errors.InputError, match="some.model is not a Sent"):
        tokenizer.Tokenizer.from_files(file)


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(errors.InputError, match="joint.model"):
        tokenizer.Tokenizer.load(tmp_path)


def test_a_model_with_other_special_ids_says_how_to_train_one(text, tmp_path):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text.source),
        model_writer=model,
        vocab_size=80,
        minloglevel=2,
    )
    file = tmp_path / "foreign.model"
    file.write_bytes(model.getvalue())
    with pytest.raises(errors.InputError, match="spm_train --pad_id=0"):
        tokenizer.Tokenizer.from_files(file)


def test_a_config_names_models_or_has_them_trained(text, tmp_path):
    train(text, joint=False).save(tmp_path)
    config = config_lib.TokenizerConfig(
        joint=False,
        source_model=str(tmp_path / "source.model"),
        target_model=str(tmp_path / "target.model"),
        vocabulary_size=70,
    )
    lines = (text.source, text.target)
    given = tokenizer.Tokenizer.from_config(*lines, config)
    assert given.source_vocabulary_size == 80
    config.target_model = ""
    with pytest.raises(errors.InputError, match="both with"):
        tokenizer.Tokenizer.from_config(*lines, config)
    config.source_model = ""
    trained = tokenizer.Tokenizer.from_config(*lines, config)
    assert trained.source_vocabulary_size == 70
