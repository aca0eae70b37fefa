import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf import config
from shared_transformer_tf.decoding import greedy, sampling
from tests.decoding import toy


def draw(model, options, seed, limits):
    space = model.space(limits, options.num_samples)
    return sampling.sample(space, options, tf.constant([seed, 0]))


def test_one_token_to_choose_from_is_greedy():
    model = toy.ToyModel(8)
    drawn = draw(model, sampling.SamplingOptions(top_k=1), 1, [9] * 8)
    space = model.space([9] * 8, 1)
    expected = greedy.greedy_search(space, config.DecodingConfig())
    np.testing.assert_array_equal(drawn.ids, expected.ids)
    drawn = draw(model, sampling.SamplingOptions(top_p=1e-6), 1, [9] * 8)
    np.testing.assert_array_equal(drawn.ids, expected.ids)


@pytest.mark.parametrize("temperature", [1e-9, 1e-300])
def test_no_temperature_is_too_low(temperature):
    model = toy.ToyModel(8)
    model.logits -= 10  # the highest one is below 0, too
    space = model.space([9] * 8, 1)
    expected = greedy.greedy_search(space, config.DecodingConfig())
    for narrowed in ({}, {"top_k": 1}, {"top_k": 3}, {"top_p": 0.5}):
        options = sampling.SamplingOptions(temperature=temperature, **narrowed)
        drawn = draw(model, options, 1, [9] * 8)
        np.testing.assert_array_equal(drawn.ids, expected.ids)


@pytest.mark.parametrize("top_p", [1e-46, 1e-300])  # both 0 in float32
def test_no_nucleus_is_too_small(top_p):
    model = toy.ToyModel(8)
    options = sampling.SamplingOptions(top_p=top_p)
    drawn = draw(model, options, 1, [9] * 8)
    expected = greedy.greedy_search(
        model.space([9] * 8, 1), config.DecodingConfig()
    )
    np.testing.assert_array_equal(drawn.ids, expected.ids)


def test_no_temperature_is_too_high():
    options = sampling.SamplingOptions(num_samples=400, temperature=1e30)
    first = draw(toy.ToyModel(1), options, 1, [1]).ids.numpy()[0, :, 0]
    assert set(first) == {*toy.WORDS, config.END_ID}


def test_seed_decides():
    model = toy.ToyModel(8)
    options = sampling.SamplingOptions(num_samples=3)
    first, again, other = (
        draw(model, options, seed, [9] * 8).ids.numpy() for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or (first != other).any()
    assert (first[:, 0] != first[:, 1]).any()


def test_scores_are_log_probabilities_of_the_model():
    model = toy.ToyModel(4)
    options = sampling.SamplingOptions(2, temperature=2.0, top_k=3)
    drawn = draw(model, options, 3, [9] * 4)
    for row in range(4):
        for path in range(2):
            ids = drawn.ids[row, path, : drawn.lengths[row, path]].numpy()
            expected, _ = model.rescore(row, ids)
            assert abs(drawn.scores[row, path] - expected) < 4e-6


def test_frequencies_follow_the_probabilities():
    model = toy.ToyModel(1)
    options = sampling.SamplingOptions(num_samples=4000)
    first = draw(model, options, 5, [1]).ids.numpy()[0, :, 0]
    tokens = [*toy.WORDS, config.END_ID]
    weights = np.exp([model.rescore(0, (token,))[0] for token in tokens])
    expected = weights / weights.sum()
    seen = [(first == token).mean() for token in tokens]
    np.testing.assert_allclose(seen, expected, atol=0.04)


def test_narrow_keeps_the_fewest_that_reach_top_p():
    logits = tf.math.log([[0.4, 0.1, 0.3, 0.2]])

    def kept(**options):
        narrowed = sampling.narrow(logits, sampling.SamplingOptions(**options))
        return (narrowed.numpy() > -1e8)[0].tolist()

    assert kept() == [True] * 4
    assert kept(top_p=0.5) == [True, False, True, False]
    assert kept(top_p=0.75) == [True, False, True, True]
    assert kept(top_k=3) == [True, False, True, True]
    assert kept(top_k=3, top_p=0.5) == [True, False, True, False]
    assert kept(top_k=99) == [True] * 4


def test_empty_batch():
    model = toy.ToyModel(1)
    space = model.space([], 2, rows=[])
    options = sampling.SamplingOptions(num_samples=2)
    drawn = sampling.sample(space, options, tf.constant([1, 0]))
    assert drawn.ids.shape == (0, 2, 0)
