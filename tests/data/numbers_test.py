"""Properties of the embedded corpus."""

import collections
import itertools

import pytest
from num2words import num2words

from shared_transformer_tf import config as config_lib
from shared_transformer_tf import errors
from shared_transformer_tf.data import numbers

SPLITS = ("train", "valid", "test")


def small(**fields):
    sizes = {"numbers_train": 600, "numbers_valid": 60, "numbers_test": 60}
    return config_lib.DataConfig(**{**sizes, **fields})


def spellings(maximum, kind="cardinal", language="en"):
    return {
        " ".join(num2words(value, to=kind, lang=language).split()): value
        for value in range(maximum + 1)
    }


def test_splits_have_their_sizes_and_share_no_source_text():
    splits = [numbers.make_split(small(), name, seed=3) for name in SPLITS]
    assert [len(source) for source, _ in splits] == [600, 60, 60]
    train, valid, test = (set(source) for source, _ in splits)
    assert len(valid) == len(test) == 60
    assert not train & valid and not train & test and not valid & test


def test_training_repeats_small_numbers_and_no_others():
    source, _ = numbers.make_split(small(), "train", seed=3)
    counts = collections.Counter(source)
    assert max(counts.values()) <= 10
    assert counts.most_common(1)[0][1] > 1
    repeated = {text for text, count in counts.items() if count > 1}
    below_hundred = {*spellings(99), *spellings(99, "ordinal")}
    assert repeated <= below_hundred


def test_the_same_seed_gives_the_same_numbers():
    first, again, other = (
        numbers.make_split(small(), "test", seed) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_a_held_out_split_does_not_depend_on_the_training_size():
    large = small(numbers_train=900)
    assert numbers.make_split(large, "test", 1) == numbers.make_split(
        small(), "test", 1
    )


@pytest.mark.parametrize("language", ["de", "fr"])
def test_every_pair_means_the_same_number_and_kind(language):
    config = small(target_language=language, numbers_maximum=2200)
    source, target = numbers.make_split(config, "train", seed=1)
    references = {}
    for kind in reversed(numbers.KINDS):
        for text, value in spellings(2200, kind).items():
            references[text] = num2words(value, to=kind, lang=language)
    assert target == [references[text] for text in source]


def test_the_test_set_is_balanced_over_digits():
    config = small(numbers_maximum=9999, numbers_test=400)
    source, _ = numbers.make_split(config, "test", seed=1)
    values = {}
    for kind in reversed(numbers.KINDS):
        values |= spellings(9999, kind)
    digits = collections.Counter(len(str(values[text])) for text in source)
    # A tenth of the 20 and 180 shortest ones, and the rest in equal parts.
    assert digits == {1: 2, 2: 18, 3: 180, 4: 200}


def test_years_and_ordinals_occur_among_the_numbers():
    source, target = numbers.make_split(small(), "train", seed=1)
    pairs = set(zip(source, target, strict=True))
    for kind, values in (("ordinal", range(100)), ("year", range(1100, 2000))):
        spelled = {
            tuple(num2words(v, to=kind, lang=name) for name in ("en", "de"))
            for v in values
        }
        assert len(pairs & spelled) > 20


def test_a_kind_that_a_language_lacks_is_left_out():
    config = small(target_language="cs", numbers_maximum=50)
    source, _ = numbers.make_split(config, "train", seed=1)
    assert set(source) < set(spellings(50))


def test_ordinals_that_end_early_do_not_stop_the_rest():
    config = small(target_language="cy")
    source, _ = numbers.make_split(config, "train", seed=1)
    assert len(source) == 600


def test_fewer_numbers_than_asked_are_all_used():
    config = small(numbers_maximum=99)
    sources = [numbers.make_split(config, name, 1)[0] for name in SPLITS]
    assert [len(source) for source in sources] == [600, 20, 20]
    assert len(set(sources[0])) == 160
    assert len(set(itertools.chain(*sources))) == 200


def test_an_unknown_language_lists_the_known_ones():
    config = small(target_language="tlh")
    with pytest.raises(errors.InputError, match="target_language.*'tlh'.*cs,"):
        numbers.make_split(config, "train", seed=1)


@pytest.mark.parametrize("maximum", [5, 10**15])
def test_an_impossible_maximum_is_refused(maximum):
    with pytest.raises(errors.InputError, match="data.numbers_maximum"):
        numbers.make_split(small(numbers_maximum=maximum), "test", seed=1)
