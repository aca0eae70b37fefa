"""Who watches the evaluations may stop a training, which then goes on."""

import json
import signal

import pytest

from shared_transformer_tf import experiment
from shared_transformer_tf.run_directory import RunDirectory
from shared_transformer_tf.training.progress import TrainingProgress
from shared_transformer_tf.training.stop_signals import StopSignals
from tests import counted_updates
from tests.small_run import small


@pytest.mark.parametrize("says", [True, False])
def test_a_watcher_hears_scores_and_tokens(says):
    heard = []
    signals, progress = StopSignals(), TrainingProgress(tokens=70.0)

    def enough(scores):
        heard.append(scores)
        return says

    watched = signals.watch(lambda: {"bleu": 2.0}, progress, enough)
    assert not signals.enough
    progress.tokens = 80.0
    assert watched() == {"bleu": 2.0}
    assert heard == [{"bleu": 2.0, "tokens": 80.0}]
    assert signals.enough == says and signals.received is None


def test_a_signal_that_comes_while_workers_compare_is_for_the_next_time():
    with StopSignals() as signals:

        def compare(number):
            signal.raise_signal(signal.SIGTERM)
            return number

        assert not signals.agreed(compare)
        assert signals.agreed(lambda number: number)
        assert signals.received == signal.SIGTERM


def test_another_worker_s_signal_ends_this_one_too():
    signals = StopSignals()
    assert not signals.agreed(lambda number: number)
    assert signals.agreed(lambda number: max(number, signal.SIGTERM))
    assert signals.received == signal.SIGTERM


def test_a_training_that_was_enough_goes_on_with_the_next_batches(
    tmp_path, monkeypatch
):
    counted_updates.use(monkeypatch)
    config = small(max_steps=4, evaluate_every=2, save_every=9)
    heard = []

    def stop(scores):
        heard.append(scores["tokens"])
        return True

    found = []
    for name, watch in (("straight", None), ("broken", stop)):
        path = str(tmp_path / name)
        experiment.train(config, path, enough=watch)
        if watch:
            assert len(heard) == 1
            experiment.train(config, path, enough=watch)
        with open(RunDirectory(path).metrics_file, encoding="utf-8") as stream:
            records = [json.loads(line) for line in stream]
        found.append([r for r in records if r["kind"] == "valid"])
    for name in ("step", "tokens"):
        straight, broken = ([r[name] for r in records] for records in found)
        assert broken == straight
    assert heard == [record["tokens"] for record in found[1]]
