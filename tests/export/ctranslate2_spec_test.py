import os

import ctranslate2
import numpy as np
import pytest

from shared_transformer_tf import errors
from shared_transformer_tf.decoding import translator
from shared_transformer_tf.export import ctranslate2_spec
from shared_transformer_tf.models import transformer
from tests.export import exported

OPTIONS = {
    "plain": {},
    "post-norm, gelu": {"normalization": "post", "activation": "gelu"},
    "silu, three matrices": {"activation": "silu", "tied_embeddings": "none"},
    "two matrices": {"tied_embeddings": "decoder"},
    "sequence": {"num_layers": 4, "num_blocks": 2, "sharing": "sequence"},
    "cycle_rev": {"num_layers": 4, "num_blocks": 2, "sharing": "cycle_rev"},
    "some kinds, own ends": {
        "num_layers": 5,
        "sharing": "universal",
        "shared_sublayers": ["self_attention", "cross_attention"],
        "unshared_first": 1,
        "unshared_last": 1,
    },
    "other decoder": {
        "num_layers": 3,
        "decoder": {
            "num_layers": 2,
            "sharing": "universal",
            "activation": "gelu",
            "normalization": "post",
        },
    },
    "one set for both stacks": {
        "num_layers": 4,
        "num_blocks": 2,
        "sharing": "cycle",
        "shared_with_decoder": "all",
    },
    "inverse_uses": {
        "num_layers": 3,
        "sharing": "universal",
        "residual_scale": "inverse_uses",
        "shared_with_decoder": "all",
    },
    "inverse_uses_sqrt_blocks": {
        "num_layers": 3,
        "num_blocks": 2,
        "sharing": [0, 0, 1],
        "residual_scale": "inverse_uses_sqrt_blocks",
        "residual_lambda": 2.0,
    },
    "deepnorm, other depths": {
        "num_layers": 4,
        "sharing": "universal",
        "normalization": "post",
        "residual_scale": "deepnorm",
        "decoder": {"num_layers": 2},
    },
}


@pytest.fixture(scope="module")
def tokenizers():
    return {joint: exported.make_tokenizer(joint) for joint in (True, False)}


def make_model(tokenizer, **options):
    model = transformer.SharedTransformer(
        tokenizer.source_vocabulary_size,
        target_vocabulary_size=tokenizer.target_vocabulary_size,
        **{"num_layers": 2, "hidden_dim": 16, "num_heads": 2}
        | {"intermediate_dim": 24}
        | options,
    )
    generator = np.random.default_rng(1)
    for weight in sorted(model.trainable_weights, key=lambda x: x.path):
        mean = 1.0 if weight.name == "gamma" else 0.0
        weight.assign(generator.normal(mean, 0.3, weight.shape))
    return model


def write(model, tokenizer, folder, quantization=None):
    spec = ctranslate2_spec.make_spec(model, tokenizer, exported.MAX_LENGTH)
    spec.validate()
    spec.optimize(quantization)
    spec.save(str(folder))
    return os.path.getsize(folder / "model.bin")


def as_pieces(model, ids):
    pieces = ctranslate2_spec.pieces(model)
    return [[pieces[i] for i in row] for row in ids]


@pytest.mark.parametrize("name", OPTIONS)
def test_scores_are_those_of_the_model(name, tokenizers, tmp_path):
    options = OPTIONS[name]
    tokenizer = tokenizers["tied_embeddings" not in options]
    model = make_model(tokenizer, **options)
    before = [weight.numpy() for weight in model.weights]
    write(model, tokenizer, tmp_path)
    sources = exported.VARIED + ["one"]
    targets = exported.VARIED[::-1] + ["two three"]
    expected = translator.Translator(
        model, tokenizer, max_length=exported.MAX_LENGTH
    ).score(sources, targets)
    found = ctranslate2.Translator(str(tmp_path)).score_batch(
        as_pieces(tokenizer.source_model, tokenizer.encode_source(sources)),
        as_pieces(tokenizer.target_model, tokenizer.encode_target(targets)),
    )
    lengths = [len(result.log_probs) for result in found]
    assert lengths == [len(x) + 1 for x in tokenizer.encode_target(targets)]
    sums = [sum(result.log_probs) for result in found]
    np.testing.assert_allclose(sums, expected, atol=1e-4)
    assert np.std(expected) > 1  # they are worth comparing
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)


@pytest.mark.parametrize(
    "quantization, width",
    [(None, 4), ("int8", 1), ("float16", 2)],
)
def test_shared_weights_are_stored_once(
    quantization, width, tokenizers, tmp_path
):
    size = {"hidden_dim": 64, "intermediate_dim": 128, "num_layers": 12}
    blocks = {"num_blocks": 3, "sharing": "cycle_rev"}
    shared = make_model(tokenizers[True], **size, **blocks)
    before = [weight.numpy() for weight in shared.weights]
    number = sum(weight.size for weight in before)
    stored = write(shared, tokenizers[True], tmp_path, quantization)
    assert stored < 1.2 * width * number + 50_000
    own = make_model(tokenizers[True], **size)
    own_number = sum(weight.numpy().size for weight in own.trainable_weights)
    assert own_number > 3.5 * number
    assert write(own, tokenizers[True], tmp_path, quantization) > 2.5 * stored
    for weight, value in zip(shared.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)


@pytest.mark.parametrize(
    "options, reason",
    [
        ({"depth_embedding": True}, "`depth_embedding`"),
        (
            {"decoder": {"depth_embedding": True}},
            "the decoder adds a learned vector at each depth",
        ),
        (
            {
                "normalization": "post",
                "residual_scale": "deepnorm",
                "decoder": {"num_layers": 3},
                "shared_with_decoder": ["feed_forward"],
            },
            "different residual factors, 0.5 and 0.4082",
        ),
    ],
)
def test_what_does_not_map_is_refused(options, reason, tokenizers):
    if "shared_with_decoder" in options:
        options = options | {"num_blocks": 1, "sharing": "universal"}
    model = make_model(tokenizers[True], **options)
    with pytest.raises(errors.InputError) as caught:
        ctranslate2_spec.check(model)
    message = str(caught.value)
    assert reason in message and "\n" not in message
    assert "--format=saved_model" in message


def test_unknown_activation_is_refused(tokenizers):
    model = make_model(tokenizers[True], decoder={"activation": "tanh"})
    with pytest.raises(errors.InputError, match="'tanh'.*relu, gelu, silu"):
        ctranslate2_spec.check(model)
