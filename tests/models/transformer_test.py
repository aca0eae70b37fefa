"""The model: weights, masks, tying, saving, decoding from caches."""

import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.models.transformer import SharedTransformer


def make(**kwargs):
    settings = dict(
        vocabulary_size=20,
        num_layers=4,
        hidden_dim=8,
        num_heads=2,
        intermediate_dim=12,
        dropout=0.0,
        seed=1,
    )
    return SharedTransformer(**settings | kwargs)


def batch():
    source = np.array([[5, 6, 7, 3], [8, 3, 0, 0]], "int32")
    target_in = np.array([[2, 9, 10], [2, 11, 0]], "int32")
    target_out = np.array([[9, 10, 3], [11, 3, 0]], "int32")
    return (source, target_in), target_out


def test_a_lent_feed_forward_keeps_its_activation():
    options = dict(shared_with_decoder="feed_forward", activation="relu")
    make(**options, decoder={"activation": "relu"})
    with pytest.raises(InputError, match="have the activation 'relu'"):
        make(**options, decoder={"activation": "gelu"})


def test_building_again_changes_nothing():
    model = make(depth_embedding=True)
    shapes = ((None, None), (None, None))
    model.build(shapes)
    before = [weight.path for weight in model.weights]
    for part in (model, model.encoder, model.decoder):
        part.build(shapes if part is model else (None, None, 8))
    assert [weight.path for weight in model.weights] == before


def test_padding_changes_nothing():
    model = make()
    (source, target_in), _ = batch()
    logits = model((source, target_in))
    alone = model((source[1:, :2], target_in[1:, :2]))
    np.testing.assert_allclose(logits[1:, :2], alone, atol=1e-5)


def test_causality_by_gradient():
    model = make()
    (source, target_in), _ = batch()
    with tf.GradientTape() as tape:
        vectors = model.target_embedding(target_in)
        tape.watch(vectors)
        memory, bias = model._encode(source, False)
        hidden = model.decoder(vectors, memory=memory, memory_bias=bias)
        loss = tf.reduce_sum(tf.square(hidden[:, 1]))
    gradient = tape.gradient(loss, vectors)
    assert np.abs(gradient[:, 2]).max() == 0
    assert np.abs(gradient[:, :2]).min(axis=-1).max() > 0


@pytest.mark.parametrize(
    ("tied", "matrices"), [("all", 1), ("decoder", 2), ("none", 3)]
)
def test_embedding_matrices(tied, matrices):
    model = make(tied_embeddings=tied)
    found = [w for w in model.weights if tuple(w.shape) in [(20, 8), (8, 20)]]
    assert len(found) == matrices
    (source, target_in), _ = batch()
    assert model((source, target_in)).shape == (2, 3, 20)


def test_two_vocabularies():
    model = make(target_vocabulary_size=30, tied_embeddings="decoder")
    assert model(batch()[0]).shape == (2, 3, 30)
    with pytest.raises(ValueError, match="one vocabulary"):
        make(target_vocabulary_size=30)


def test_encoder_and_decoder_may_share_sublayers():
    own = make(sharing="cycle", num_blocks=2)
    both = make(
        sharing="cycle",
        num_blocks=2,
        shared_with_decoder="feed_forward, self_attention",
    )
    attention = 4 * 8 * 8 + 4 * 8
    feed_forward = 2 * 8 * 12 + 8 + 12
    saved = 2 * (attention + feed_forward)
    assert own.count_params() - both.count_params() == saved
    assert both.decoder.feed_forwards[1] is both.encoder.feed_forwards[1]


def test_decoder_of_another_depth():
    model = make(
        decoder={"num_layers": 2, "num_blocks": 1, "sharing": "universal"}
    )
    assert len(model.encoder.layers) == 4
    assert len(model.decoder.layers) == 2
    assert len(model.decoder.feed_forwards) == 1


def test_every_option_of_a_stack_may_differ_in_the_decoder():
    options = {
        "shared_sublayers": "feed_forward",
        "unshared_last": 1,
        "activation": "gelu",
        "normalization": "post",
        "residual_scale": "inverse_uses_sqrt_blocks",
        "residual_lambda": 2.0,
        "depth_embedding": True,
    }
    model = make(sharing="universal", decoder=options)
    for name, value in options.items():
        assert getattr(model.decoder, name) == value
        assert getattr(model.encoder, name) != value
    assert model.encoder.plan.schedules["feed_forward"] == (0, 0, 0, 0)
    assert model.decoder.plan.schedules["feed_forward"] == (0, 0, 0, 1)
    copy = SharedTransformer.from_config(model.get_config())
    assert copy.count_params() == model.count_params()
    with pytest.raises(ValueError, match="Choose among num_layers"):
        make(decoder={"depth": 3})


def test_attention_gain_is_of_every_attention():
    model = make(attention_gain=0.5)
    again = SharedTransformer.from_config(model.get_config())
    for stack in (again.encoder, again.decoder, model.encoder, model.decoder):
        attentions = stack.self_attentions + stack.cross_attentions
        assert [a.attention_gain for a in attentions] == [0.5] * len(attentions)
    assert len(model.decoder.cross_attentions) == 4


def test_residual_scale_counts_the_uses_of_both_stacks():
    model = make(
        sharing="universal",
        residual_scale="inverse_uses",
        shared_with_decoder="feed_forward",
    )
    for stack in (model.encoder, model.decoder):
        scales = stack.layers[0].branch_scales
        assert scales["feed_forward"] == 1 / 8
        assert scales["self_attention"] == 1 / 4


def test_plain_keras_compile_fit_evaluate_predict():
    model = make(num_layers=1)
    model.compile(
        optimizer="adam",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    x, y = batch()
    history = model.fit(x, y, epochs=2, verbose=0)
    assert history.history["loss"][1] < history.history["loss"][0]
    assert np.isfinite(model.evaluate(x, y, verbose=0))
    assert model.predict(x, verbose=0).shape == (2, 3, 20)


def test_another_process_loads_and_goes_on(tmp_path):
    model = make(sharing="cycle", num_blocks=2)
    model.compile(
        keras.optimizers.Adam(0.01),
        label_smoothing=0.1,
        clip_norm=1.0,
        run_eagerly=True,  # sooner than a trace in each process
    )
    x, y = batch()
    model.fit(x, y, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "logits.npy", model(x))
    script = f"""
        import keras, numpy as np
        import shared_transformer_tf
        model = keras.models.load_model({str(tmp_path / "model.keras")!r})
        x = (np.array({x[0].tolist()}, "int32"),
             np.array({x[1].tolist()}, "int32"))
        y = np.array({y.tolist()}, "int32")
        expected = np.load({str(tmp_path / "logits.npy")!r})
        np.testing.assert_allclose(model(x), expected, atol=1e-6)
        assert model.optimizer.iterations == 2, model.optimizer.iterations
        settings = model.step_settings
        assert settings.label_smoothing == 0.1 and settings.clip_norm == 1.0
        model.fit(x, y, epochs=1, verbose=0)
        assert model.optimizer.iterations == 3
        print("went on")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "went on" in done.stdout, done.stderr


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sharing": "cycle", "num_blocks": 2},
        {"normalization": "post", "residual_scale": "deepnorm"},
        {
            "depth_embedding": True,
            "residual_scale": "inverse_uses",
            "sharing": "universal",
        },
        {"tied_embeddings": "none"},
    ],
)
def test_cached_decoding_equals_the_whole_pass(options):
    model = make(**options)
    if options.get("depth_embedding"):
        vectors = model.decoder.depth_vectors
        vectors.assign(keras.random.normal(vectors.shape, seed=0))
    (source, target_in), _ = batch()
    expected = model((source, target_in))
    context = model.start_decoding(source)
    assert len(context[0]) == len(model.decoder.cross_attentions)
    state = model.initial_state(2, 1)
    assert len(state.caches) == 4
    step = model.step_function(3)
    for position in range(3):
        ids = target_in[:, position : position + 1]
        logits, attention, state = step(ids, position, state, context)
        real = target_in[:, position] != 0  # beyond them nothing is decoded
        np.testing.assert_allclose(
            logits[:, 0][real], expected[:, position][real], atol=1e-5
        )
        np.testing.assert_allclose(tf.reduce_sum(attention, -1), 1, rtol=1e-5)
    assert np.abs(attention[1, 0, 2:]).max() == 0  # padding


def test_beams_do_not_mix():
    model = make()
    (source, _), _ = batch()
    context = model.start_decoding(source)
    ids = np.array([[9, 10, 11], [12, 13, 14]], "int32")
    step = model.step_function(1)
    together, _, _ = step(ids, 0, model.initial_state(2, 3), context)
    for beam in range(3):
        alone, _, _ = step(
            ids[:, beam : beam + 1], 0, model.initial_state(2, 1), context
        )
        np.testing.assert_allclose(together[:, beam], alone[:, 0], atol=1e-5)


def test_config_round_trip():
    model = make(sharing="cycle", num_blocks=2, tied_embeddings="decoder")
    again = SharedTransformer.from_config(model.get_config())
    assert again.get_config() == model.get_config()
    assert again.count_params() == model.count_params()
