"""What an exported model answers: three functions of text.

Batch is the first dimension of every input and output, so that a server can
put requests together; what a request may choose is a vector, too.
"""

from collections.abc import Callable

import tensorflow as tf

from shared_transformer_tf import config, validation
from shared_transformer_tf.decoding import search
from shared_transformer_tf.export.text_graph import TextGraph

MOST_BEAMS = 8  # that `options` takes, where the search has not more

_TEXT = tf.TensorSpec([None], tf.string, name="text")


def most_beams(options: config.DecodingConfig) -> int:
    """Returns the largest beam that the signature `options` searches with."""
    return max(MOST_BEAMS, options.beam_size)


class Signatures:
    """The signatures of a model and its tokenizer.

    Args:
        model: see `search.search_space`.
        text: the tokenizer as graph operations; cuts sources.
        options: the search.
        max_length: tokens of a translation at most, end symbol included.
    """

    def __init__(
        self,
        model,
        text: TextGraph,
        options: config.DecodingConfig,
        max_length: int,
    ):
        validation.check_decoding(options)
        self.model = model
        self.text = text
        self.decoding = options
        self.max_length = max_length
        self.most_beams = most_beams(options)

    def endpoints(self) -> dict[str, tuple[Callable, list[tf.TensorSpec]]]:
        """Returns each signature's function and inputs, by its name."""
        return {
            "serving_default": (self.translate, [_TEXT]),
            "nbest": (self.nbest, [_TEXT]),
            "options": (
                self.translate_with_options,
                [
                    _TEXT,
                    tf.TensorSpec([None], tf.int32, name="beam_size"),
                    tf.TensorSpec([None], tf.float32, name="length_penalty"),
                    tf.TensorSpec([None], tf.int32, name="max_length"),
                ],
            ),
        }

    def translate(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Translates lines, strings (batch,)."""
        found = search.search(
            self.model, self.text.encode(text), self.decoding, self.max_length
        )
        return {"translation": self.text.decode(found.ids[:, 0])}

    def nbest(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Gives as many translations of each line as the search has beams.

        Returns:
            `translations`, strings (batch, n), the best first; their `scores`
            (batch, n), -1e9 where there is none; `counts`, int32 (batch,), how
            many there are.
        """
        found = search.search(
            self.model,
            self.text.encode(text),
            self.decoding,
            self.max_length,
            self.decoding.beam_size,
        )
        batch, number, length = tf.unstack(tf.shape(found.ids))
        texts = self.text.decode(
            tf.reshape(found.ids, [batch * number, length])
        )
        return {
            "translations": tf.reshape(texts, [batch, number]),
            "scores": found.scores,
            "counts": found.counts,
        }

    def translate_with_options(
        self,
        text: tf.Tensor,
        beam_size: tf.Tensor,
        length_penalty: tf.Tensor,
        max_length: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """Translates lines, each with options of its own.

        A value out of range is taken for the nearest one within: an error
        would be that of all requests which a server has put together.

        Args:
            text: strings (batch,).
            beam_size: int32 (batch,), from 1 to `most_beams`.
            length_penalty: float32 (batch,), `DecodingConfig.alpha`, at least
                0; not a number: that of the export.
            max_length: int32 (batch,), tokens of the translation, end symbol
                included; the export's own limits hold as well.

        Returns:
            `translation`, strings (batch,); `score`, float32 (batch,);
            `truncated`, bool (batch,): the input was longer than the export
            takes, or the limit came before the translation's end.
        """
        ids, cut = self.text.encode_and_tell(text)
        alphas = tf.where(
            tf.math.is_nan(length_penalty), self.decoding.alpha, length_penalty
        )
        rows = search.RowOptions(
            tf.clip_by_value(beam_size, 1, self.most_beams),
            tf.clip_by_value(alphas, 0.0, 100.0),
            tf.maximum(max_length, 1),
        )
        found = search.search_by_row(
            self.model,
            ids,
            config.DecodingConfig(
                **vars(self.decoding) | {"beam_size": self.most_beams}
            ),
            self.max_length,
            rows,
        )
        return {
            "translation": self.text.decode(found.ids[:, 0]),
            "score": found.scores[:, 0],
            "truncated": found.truncated[:, 0] | cut,
        }
