"""Tokenization inside a graph: strings to ids and back."""

import tensorflow as tf
import tensorflow_text

from shared_transformer_tf import config

# What `str.strip` counts as white space, for RE2.
_BLANK = r"[\s\v\x{1c}-\x{1f}\x{85}\pZ]*"


class TextGraph(tf.Module):
    """SentencePiece as graph operations, equal to the Python `Tokenizer`.

    Start and end symbols are plain operations: one SentencePiece object used
    with two option sets at once gives wrong tokens.

    Args:
        tokenizer: has `joint`, `source_model`, `target_model` and
            `target_vocabulary_size`.
        max_length: tokens of a source at most, end symbol included; longer
            ones are cut.
    """

    def __init__(self, tokenizer, max_length: int):
        super().__init__()
        self.max_length = max_length
        self.vocabulary_size = tokenizer.target_vocabulary_size
        self.source = _sentencepiece(tokenizer.source_model)
        self.target = (
            self.source
            if tokenizer.joint
            else _sentencepiece(tokenizer.target_model)
        )

    def encode(self, text: tf.Tensor) -> tf.Tensor:
        """Turns lines into padded ids.

        Args:
            text: (batch,) strings. Bytes that are not UTF-8 become U+FFFD,
                blank lines have no tokens.

        Returns:
            (batch, source) int32: tokens, the end symbol, then 0.
        """
        return self.encode_and_tell(text)[0]

    def encode_and_tell(self, text: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """As `encode`, and tells which lines were cut, bool (batch,)."""
        text = tf.strings.unicode_transcode(
            text, "UTF-8", "UTF-8", errors="replace", replacement_char=0xFFFD
        )
        blank = tf.strings.regex_full_match(text, _BLANK)
        tokens = self.source.tokenize(tf.where(blank, "", text))
        longest = self.max_length - 1
        cut = tokens.row_lengths() > longest
        end = tf.fill([tf.shape(text)[0], 1], config.END_ID)
        ids = tf.concat([tokens[:, :longest], end], 1)
        return ids.to_tensor(config.PAD_ID), cut

    def decode(self, ids: tf.Tensor) -> tf.Tensor:
        """Turns ids (batch, length), 0 padded, into strings (batch,)."""
        control = [config.PAD_ID, config.START_ID, config.END_ID]
        is_text = tf.reduce_all(ids[:, :, tf.newaxis] != control, -1)
        ids = tf.clip_by_value(ids, 0, self.vocabulary_size - 1)
        return self.target.detokenize(tf.ragged.boolean_mask(ids, is_text))


def _sentencepiece(model: bytes) -> tensorflow_text.SentencepieceTokenizer:
    return tensorflow_text.SentencepieceTokenizer(model, out_type=tf.int32)
