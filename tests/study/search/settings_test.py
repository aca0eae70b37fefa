"""A budget holds its evaluations; a trial's config is the search's own."""

import pytest

from shared_transformer_tf.config import Config
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study.search import space as space_lib
from shared_transformer_tf.study.search.settings import SearchSettings
from tests.study.fake_training import make_settings


def with_batches(**changes):
    space = space_lib.make_space(Config())
    return make_settings(space=space, **changes)


def test_a_budget_smaller_than_its_evaluations_is_refused():
    # the largest batch that is searched is twice the config's 4096
    with_batches(budget_tokens=5 * 8192).check()
    with pytest.raises(InputError) as error:
        with_batches(budget_tokens=5 * 8191).check()
    message = str(error.value)
    assert "--budget_tokens=40955 over 5 evaluations is 8191" in message
    assert "give at least 40960" in message and "\n" not in message
    make_settings(budget_tokens=5 * 4096).check()
    with pytest.raises(InputError, match="over 9 evaluations"):
        make_settings(budget_tokens=5 * 4096, oracle="hyperband").check()


def test_a_search_of_nothing_is_refused():
    nothing = space_lib.SearchSpace((), {})
    with pytest.raises(InputError, match="No field is left"):
        make_settings(space=nothing).check()


@pytest.mark.parametrize("oracle", ["random", "hyperband"])
@pytest.mark.parametrize("budget", [90_000, 90_001, 123_457])
def test_evaluations_are_even_and_the_last_is_the_end(oracle, budget):
    settings = make_settings(budget_tokens=budget, oracle=oracle)
    every = settings.tokens_between_evaluations
    assert (settings.parts - 1) * every < budget <= settings.parts * every
    # no rung of Hyperband ends before its evaluation
    assert every >= budget / settings.parts


def test_a_trials_config_ends_by_tokens_and_keeps_the_rest():
    settings = make_settings(objective="loss")
    settings.config.training.patience = 3
    settings.config.training.diagnose_every = 10
    config = settings.trial_config({"model.dropout": 0.3})
    assert config.model.dropout == 0.3
    training = config.training
    assert (training.max_steps, training.max_tokens) == (0, 90_000)
    assert training.evaluate_every_tokens == 18_000
    assert training.best_by == "loss"
    assert training.patience == training.diagnose_every == 0
    assert settings.config.model.dropout == Config().model.dropout
    assert config.data == settings.config.data


def test_what_may_change_is_not_among_what_is_compared():
    first = make_settings().to_dict()
    assert make_settings(trials=99, labels={"arm": "x"}).to_dict() == first
    for change in (
        {"budget_tokens": 1},
        {"oracle": "bayesian"},
        {"objective": "loss"},
        {"evaluations": 4},
        {"seed": 2},
    ):
        assert make_settings(**change).to_dict() != first


def test_a_budget_within_the_warm_up_is_known():
    config = Config()
    config.training.warmup_steps = 1000
    config.data.batch_tokens = 4096

    def within(tokens):
        space = space_lib.make_space(config, ["learning_rate"])
        made = SearchSettings(config, space, tokens)
        return made.never_leaves_warm_up

    assert within(2_000_000)
    assert not within(4_096_000)
