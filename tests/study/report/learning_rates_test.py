"""Sweeps are put together from cells and their variations."""

from shared_transformer_tf.study.report import learning_rates, result_set
from tests.study import synthetic_study
from tests.study.synthetic_study import make_cell


def sweeps(tmp_path, cells):
    results = result_set.load(synthetic_study.write(tmp_path, cells))
    return learning_rates.sweeps(results, results.tasks)


def with_dev(cell, bleu):
    return cell | {"dev": cell["dev"] | {"bleu": bleu}}


def test_a_sweep_is_the_cell_and_its_variations(tmp_path):
    own = make_cell("en-de", "shared", 1, num_sentences=5)
    other_seed = make_cell("en-de", "shared", 2, num_sentences=5)
    slow = make_cell("en-de", "shared", 1, "learning_rate_x0.5")
    fast = make_cell("en-de", "shared", 1, "learning_rate_x2")
    cells = [
        with_dev(own, 30.0),
        with_dev(other_seed, 90.0),
        with_dev(slow, 20.0),
        with_dev(fast, 25.0),
    ]
    (found,) = sweeps(tmp_path, cells)
    assert found.rates == (0.0015, 0.003, 0.006)
    assert found.bleu == (20.0, 30.0, 25.0)
    assert (found.used, found.best, found.at_edge) == (0.003, 0.003, False)
    assert found.test_bleu == own["test"]["bleu"]


def test_a_best_rate_at_the_edge_is_said(tmp_path):
    cells = [
        with_dev(make_cell("en-de", "shared", 1, num_sentences=5), 30.0),
        with_dev(make_cell("en-de", "shared", 1, "learning_rate_x2"), 31.0),
    ]
    (found,) = sweeps(tmp_path, cells)
    assert found.best == 0.006
    assert found.at_edge
    assert found.test_bleu == cells[1]["test"]["bleu"]
    del cells[1]["test"]
    (found,) = sweeps(tmp_path, cells)
    assert found.test_bleu is None


def test_no_variation_is_no_sweep(tmp_path):
    assert not sweeps(tmp_path, [make_cell("en-de", "shared", 1)])


def test_what_diverged_counts_for_the_seeds_of_the_sweep_alone(tmp_path):
    def diverged(*names):
        cell = make_cell("en-de", "shared", *names)
        for name in ("dev", "test"):
            cell.pop(name, None)
        return cell | {"diverged": "Update 7 was not applied."}

    own = with_dev(make_cell("en-de", "shared", 1, num_sentences=5), 30.0)
    assert not sweeps(tmp_path / "own", [own, diverged(2)])
    fast = with_dev(make_cell("en-de", "shared", 1, "learning_rate_x2"), 25.0)
    (found,) = sweeps(tmp_path / "two", [own, fast, diverged(2)])
    assert found.diverged == ()
    slow = diverged(1, "learning_rate_x0.5")
    (found,) = sweeps(tmp_path / "three", [own, slow, diverged(2)])
    assert found.diverged == (0.0015,)
