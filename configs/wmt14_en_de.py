"""WMT14, English into German, with Transformer base. Not run by this project.

Source: Vaswani et al., "Attention Is All You Need" (arXiv 1706.03762), table
3, base; text from statmt.org/wmt14, made in data/wmt14 as BUILD.md says.
Command: python bin/train.py --config=wmt14_en_de --workdir=runs/wmt14
Expected: 27.3 BLEU in the paper, whose BLEU is not sacreBLEU's, after 12
hours on 8 P100 GPUs. Not measured here.
"""

from shared_transformer_tf.config import Config


def get_config() -> Config:
    """Returns the config of Transformer base, 6 + 6 layers."""
    config = Config()
    config.data.corpus = "text"
    config.data.directory = "data/wmt14"
    config.data.train_split = "train.de-en"
    config.data.valid_split = "newstest2013"
    config.data.test_split = "newstest2014.de-en"
    config.data.batch_tokens = 25_000
    config.tokenizer.model_type = "bpe"
    config.tokenizer.vocabulary_size = 37_000
    config.model.num_layers = 6
    config.model.hidden_dim = 512
    config.model.num_heads = 8
    config.model.intermediate_dim = 2048
    config.model.normalization = "post"
    config.training.max_steps = 100_000
    config.training.learning_rate = 7e-4
    config.training.warmup_steps = 4000
    config.training.clip_norm = 0.0
    config.training.save_every = 1000
    config.training.evaluate_every = 2000
    config.decoding.beam_size = 4
    config.decoding.alpha = 0.6
    return config
