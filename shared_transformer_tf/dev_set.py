"""What a training measures on the dev set."""

import dataclasses
from collections.abc import Callable

from shared_transformer_tf.config import Config
from shared_transformer_tf.data import corpus, pipeline, token_pairs
from shared_transformer_tf.data.tokenizer import Tokenizer
from shared_transformer_tf.decoding.translator import Translator
from shared_transformer_tf.evaluation import metrics
from shared_transformer_tf.models.transformer import SharedTransformer
from shared_transformer_tf.training import strategies


def make_evaluation(
    config: Config,
    text: corpus.ParallelText,
    tokenizer: Tokenizer,
    model: SharedTransformer,
) -> Callable[[], dict[str, float]]:
    """Returns a function that measures BLEU, chrF and loss.

    It translates by greedy search, with the weights that the model has then.

    Args:
        config: of the experiment.
        text: the dev set.
        tokenizer: of the run.
        model: compiled, under the strategy that it is trained by.
    """
    batches = pipeline.evaluation_batches(
        token_pairs.encode_pairs(text, tokenizer, config.data),
        config.data.batch_tokens,
        config.data.num_buckets,
    )
    options = dataclasses.replace(
        config.decoding, beam_size=1, batch_sentences=128
    )
    translator = Translator(model, tokenizer, options, config.data.max_length)
    source_ids = tokenizer.encode_source(text.source)

    def evaluate() -> dict[str, float]:
        hypotheses = translator.translate_ids(source_ids)
        loss = model.evaluate(
            strategies.distribute(model.distribute_strategy, batches.one_epoch),
            steps=batches.steps_per_epoch(),
            verbose=0,
            return_dict=True,
        )["loss"]
        scores = metrics.dev_scores(hypotheses, text.target)
        return scores | {"loss": float(loss)}

    return evaluate
