"""SentencePiece models of the two languages of a translation task."""

import io
import os
import pathlib
import re
from collections.abc import Iterable, Sequence

import sentencepiece

from shared_transformer_tf import config as config_lib
from shared_transformer_tf import errors

_JOINT_FILE = "joint.model"
_SOURCE_FILE = "source.model"
_TARGET_FILE = "target.model"
_LARGEST_TEXT = 4_000_000
_SPECIAL_IDS = {
    "pad_id": config_lib.PAD_ID,
    "unk_id": config_lib.UNKNOWN_ID,
    "bos_id": config_lib.START_ID,
    "eos_id": config_lib.END_ID,
}
_CONTROL_IDS = frozenset(
    (config_lib.PAD_ID, config_lib.START_ID, config_lib.END_ID)
)
_ONLY_ERRORS = 2


class Tokenizer:
    """Text to token ids and back, for the source and the target language.

    Ids 0 to 3 are padding, unknown, start and end in every model. Where the
    vocabulary is joint both sides are the same model.

    Args:
        source_model: a serialized SentencePiece model.
        target_model: another one; `None` makes the first joint.

    Example:
    >>> lines = ["eins zwei drei", "zwei drei vier"]
    >>> config = config_lib.TokenizerConfig(vocabulary_size=17)
    >>> tokenizer = Tokenizer.train(lines, lines, config)
    >>> tokenizer.decode_target(tokenizer.encode_target(["drei zwei"]))
    ['drei zwei']
    """

    def __init__(self, source_model: bytes, target_model: bytes | None = None):
        self.source_model = source_model
        self.target_model = (
            source_model if target_model is None else target_model
        )
        self.joint = target_model is None
        self._source = _processor(source_model, "the source")
        self._target = (
            self._source
            if target_model is None
            else _processor(target_model, "the target")
        )

    @classmethod
    def from_config(
        cls,
        source_lines: Sequence[str],
        target_lines: Sequence[str],
        config: config_lib.TokenizerConfig,
    ) -> "Tokenizer":
        """Returns the models that the config names, else trains them.

        Raises:
            InputError: as `train` and `from_files`.
        """
        if not config.source_model and not config.target_model:
            return cls.train(source_lines, target_lines, config)
        names_both = bool(config.source_model and config.target_model)
        if config.joint == names_both or not config.source_model:
            raise errors.InputError(
                f"tokenizer.joint is {config.joint} with source_model="
                f"{config.source_model!r} and target_model="
                f"{config.target_model!r}: name only source_model for a joint "
                "vocabulary, and both with --config.tokenizer.joint=false."
            )
        return cls.from_files(config.source_model, config.target_model)

    @classmethod
    def train(
        cls,
        source_lines: Sequence[str],
        target_lines: Sequence[str],
        config: config_lib.TokenizerConfig,
    ) -> "Tokenizer":
        """Trains on text; the same text and config give the same bytes.

        Of more than four million lines evenly spaced ones are used.

        Raises:
            InputError: if the text cannot fill the vocabulary; the message
                says which size it can.
        """
        if config.joint:
            return cls(_train([*source_lines, *target_lines], config, "joint"))
        return cls(
            _train(source_lines, config, "source"),
            _train(target_lines, config, "target"),
        )

    @classmethod
    def from_files(
        cls,
        source_model: str | os.PathLike,
        target_model: str | os.PathLike = "",
    ) -> "Tokenizer":
        """Reads model files; without `target_model` the one is joint.

        Raises:
            InputError: if a file is missing, is no SentencePiece model, or
                numbers the special symbols differently.
        """
        models = [_read_model(source_model)]
        if target_model:
            models.append(_read_model(target_model))
        return cls(*models)

    @classmethod
    def load(cls, directory: str | os.PathLike) -> "Tokenizer":
        """Reads what `save` wrote.

        Raises:
            InputError: as `from_files`.
        """
        directory = pathlib.Path(directory)
        if (directory / _SOURCE_FILE).exists():
            return cls.from_files(
                directory / _SOURCE_FILE, directory / _TARGET_FILE
            )
        return cls.from_files(directory / _JOINT_FILE)

    def save(self, directory: str | os.PathLike) -> None:
        """Writes `joint.model`, or `source.model` and `target.model`.

        Each file is written beside and renamed, so that none is ever half;
        what is left there of a tokenizer of the other kind is removed.
        """
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        files = {_JOINT_FILE: self.source_model}
        if not self.joint:
            files = {
                _TARGET_FILE: self.target_model,
                _SOURCE_FILE: self.source_model,
            }
        for name, model in files.items():
            partial = directory / f"{name}.partial"
            partial.write_bytes(model)
            partial.replace(directory / name)
        for name in {_JOINT_FILE, _SOURCE_FILE, _TARGET_FILE} - set(files):
            (directory / name).unlink(missing_ok=True)

    @property
    def source_vocabulary_size(self) -> int:
        """Pieces of the source model, the four special ones included."""
        return self._source.get_piece_size()

    @property
    def target_vocabulary_size(self) -> int:
        """Pieces of the target model, the four special ones included."""
        return self._target.get_piece_size()

    def encode_source(self, lines: Iterable[str]) -> list[list[int]]:
        """Returns token ids per line, without start and end symbols."""
        return self._source.encode(list(lines))

    def encode_target(self, lines: Iterable[str]) -> list[list[int]]:
        """Returns token ids per line, without start and end symbols."""
        return self._target.encode(list(lines))

    def decode_target(self, ids: Iterable[Sequence[int]]) -> list[str]:
        """Returns text per row of ids.

        Padding, start and end are passed over; the unknown symbol shows as
        SentencePiece writes it, a question mark in a box.
        """
        return self._target.decode(
            [[int(i) for i in row if i not in _CONTROL_IDS] for row in ids]
        )


def _read_model(path: str | os.PathLike) -> bytes:
    try:
        model = pathlib.Path(path).read_bytes()
    except FileNotFoundError as error:
        raise errors.InputError(
            f"There is no SentencePiece model {path}."
        ) from error
    _processor(model, str(path))
    return model


def _processor(model: bytes, name: str) -> sentencepiece.SentencePieceProcessor:
    processor = sentencepiece.SentencePieceProcessor()
    try:
        if not model:
            raise RuntimeError("empty")
        processor.load_from_serialized_proto(model)
    except RuntimeError as error:
        raise errors.InputError(
            f"{name} is not a SentencePiece model: give the .model file that "
            "spm_train wrote."
        ) from error
    ids = {key: getattr(processor, key)() for key in _SPECIAL_IDS}
    if ids != _SPECIAL_IDS:
        came, expected = (
            " ".join(f"{key}={value}" for key, value in pairs.items())
            for pairs in (ids, _SPECIAL_IDS)
        )
        options = " ".join(f"--{key}={i}" for key, i in _SPECIAL_IDS.items())
        raise errors.InputError(
            f"{name} has the special symbols {came}, expected {expected}: "
            f"train it with `spm_train {options}`."
        )
    return processor


def _train(
    lines: Sequence[str], config: config_lib.TokenizerConfig, name: str
) -> bytes:
    every = -(-len(lines) // _LARGEST_TEXT) or 1
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines[::every]),
            model_writer=model,
            model_type=config.model_type,
            vocab_size=config.vocabulary_size,
            character_coverage=config.character_coverage,
            split_digits=config.split_digits,
            # Sums are formed per thread: another number gives other bytes.
            num_threads=16,
            minloglevel=_ONLY_ERRORS,
            **_SPECIAL_IDS,
        )
    except RuntimeError as error:
        raise errors.InputError(
            _training_problem(str(error), config, name)
        ) from error
    return model.getvalue()


def _training_problem(
    message: str, config: config_lib.TokenizerConfig, name: str
) -> str:
    came = f"tokenizer.vocabulary_size is {config.vocabulary_size}"
    largest = re.search(r"set it to a value <= (\d+)", message)
    if largest:
        return (
            f"{came}, but the {name} text allows at most {largest[1]}: set "
            f"--config.tokenizer.vocabulary_size={largest[1]} or less."
        )
    smallest = re.search(r"smaller than required_chars\. \d+ vs (\d+)", message)
    if smallest:
        return (
            f"{came}, but the characters of the {name} text alone need "
            f"{smallest[1]}: raise it, or lower tokenizer.character_coverage."
        )
    if "sentences_.empty()" in message or "all_chars_count" in message:
        return (
            f"The {name} text has no sentence to train a vocabulary on: blank "
            "ones, and those of more than 4,192 bytes, do not count."
        )
    return f"SentencePiece could not train on the {name} text: {message}"
