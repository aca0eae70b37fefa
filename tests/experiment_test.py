"""A whole training on the embedded corpus: stop, go on, load, refuse."""

import io
import json
import logging
import os
import shutil
import signal
import types

import keras
import numpy as np
import pytest

from shared_transformer_tf import experiment, trained_run
from shared_transformer_tf.data import pipeline
from shared_transformer_tf.errors import InputError, StoppedError
from shared_transformer_tf.models.transformer import SharedTransformer
from shared_transformer_tf.run_directory import RunDirectory
from shared_transformer_tf.training import checkpoints, heat_map
from shared_transformer_tf.training.progress import MetricsLog
from tests import counted_updates
from tests.small_run import small


def saved(workdir):
    return checkpoints.list_checkpoints(os.path.join(workdir, "checkpoints"))


def newest(workdir):
    return saved(workdir)[-1]


def records(workdir):
    with open(os.path.join(workdir, "metrics.jsonl")) as file:
        return [json.loads(line) for line in file]


def test_run_directory_has_what_it_promises(trained):
    assert sorted(os.listdir(trained)) == [
        "checkpoints",
        "config.json",
        "lock",
        "logs",
        "metrics.jsonl",
        "tokenizer",
    ]
    lines = records(trained)
    assert [r["step"] for r in lines if r["kind"] == "train"] == [
        2, 4, 6, 8, 10, 12,
    ]  # fmt: skip
    assert [r["step"] for r in lines if r["kind"] == "valid"] == [6, 12]
    assert all(np.isfinite(r["loss"]) for r in lines)
    assert os.listdir(os.path.join(trained, "logs"))


def test_a_finished_run_says_so(copy, capsys):
    before = records(copy)
    experiment.train(small(), copy)
    assert "finished after 12 updates" in capsys.readouterr().out
    assert records(copy) == before


@pytest.fixture(scope="module")
def went_on(trained, tmp_path_factory):
    """The run went on from update 9, as what 12 left is damaged, to 15."""
    workdir = str(
        shutil.copytree(trained, tmp_path_factory.mktemp("runs") / "r")
    )
    damaged = os.path.join(newest(workdir).path, checkpoints.STATE)
    os.truncate(damaged, os.path.getsize(damaged) // 2)
    traces, shapes, log = [], set(), io.StringIO()
    step = SharedTransformer.train_step
    made = pipeline.TrainingBatches.batch

    def counted(self, data):
        traces.append(data[1].shape)
        return step(self, data)

    def noted(self, *which):
        batch = made(self, *which)
        shapes.add(batch[1].shape)
        return batch

    handler = logging.StreamHandler(log)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SharedTransformer, "train_step", counted)
        patch.setattr(pipeline.TrainingBatches, "batch", noted)
        patch.setattr(logging.getLogger("absl"), "handlers", [handler])
        experiment.train(small(max_steps=15), workdir)
    return types.SimpleNamespace(
        workdir=workdir, traces=traces, shapes=shapes, log=log.getvalue()
    )


def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before(went_on):
    assert "Passed over" in went_on.log and "damaged" in went_on.log
    assert newest(went_on.workdir).step == 15
    assert checkpoints.faults(newest(went_on.workdir)) == []


def test_a_run_that_goes_on_comes_to_the_same_weights(went_on, trained):
    (twelve,) = [one for one in saved(went_on.workdir) if one.step == 12]
    assert checkpoints.faults(twelve) == []
    ours = checkpoints.read_weights(twelve)
    theirs = checkpoints.read_weights(newest(trained))
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        np.testing.assert_allclose(value, theirs[name], atol=2e-5)
    begun = [r for r in records(trained) if r["step"] <= 9]
    lines = records(went_on.workdir)
    assert lines[: len(begun)] == begun  # times too: not trained again
    steps = [r["step"] for r in lines if r["kind"] == "train"]
    assert steps == [2, 4, 6, 8, 10, 12, 14]


def test_more_steps_go_on_and_are_traced_once(went_on):
    assert len(went_on.shapes) > 1
    assert len(went_on.traces) == 1


def test_diagnostics_go_on_where_they_were(copy, monkeypatch):
    counted_updates.use(monkeypatch)
    drawn = []
    monkeypatch.setattr(
        heat_map, "_draw", lambda title, steps, _: drawn.append((title, steps))
    )
    monkeypatch.setattr(MetricsLog, "write_image", lambda *_: None)
    for steps in (14, 18):  # the second time from a process's new beginning
        experiment.train(small(max_steps=steps, diagnose_every=2), copy)
    looked = [r["step"] for r in records(copy) if r["kind"] == "uses"]
    assert looked == [14, 16, 18]
    assert drawn[-2:] == [
        (f"{stack}: gradient norm at each depth", looked)
        for stack in ("encoder", "decoder")
    ]


@pytest.mark.parametrize("tied", ["all", "decoder", "none"])
def test_embeddings_have_a_rule_of_their_own(tied):
    config = small(gradient_rule="uses", embedding_gradient_rule="sqrt_uses")
    config.training.optimizer, config.training.momentum = "sgd", 0.0
    config.training.clip_norm = 0.0
    config.model.dropout = 0.0
    models = {}
    for rules in (("uses", "sqrt_uses"), ("none", None)):
        keras.utils.set_random_seed(0)
        model = SharedTransformer(
            20, **vars(config.model) | {"tied_embeddings": tied}
        )
        settings = config.training
        settings.gradient_rule, settings.embedding_gradient_rule = rules
        experiment.compile_model(model, config)
        model.run_eagerly = True  # no trace for one update
        before = [v.numpy() for v in model.trainable_variables]
        ids = np.arange(4, 12, dtype="int32").reshape(2, 4)
        model.train_on_batch((ids, ids), ids)
        after = [v.numpy() for v in model.trainable_variables]
        models[rules] = [a - b for a, b in zip(after, before, strict=True)]
    counts = model.count_uses(((ids, ids), ids))
    (ruled, plain), seen = models.values(), set()
    for (path, count), ours, theirs in zip(
        counts.items(), ruled, plain, strict=True
    ):
        of_embeddings = "tokens" in path
        divisor = count**0.5 if of_embeddings else count
        seen.add((of_embeddings, count > 1))
        np.testing.assert_allclose(
            ours * divisor, theirs, atol=1e-6, err_msg=path
        )
    assert (False, True) in seen
    assert ((True, True) in seen) == (tied != "none")


def test_a_stop_in_the_last_evaluation_is_told_to_who_watches(
    copy, monkeypatch
):
    counted_updates.use(monkeypatch)

    def enough(scores):
        signal.raise_signal(signal.SIGTERM)
        return False

    config = small(max_steps=13)
    with pytest.raises(StoppedError, match="after update 13, which is saved"):
        experiment.train(config, copy, enough=enough)
    assert newest(copy).progress["finished"]


def test_training_by_tokens_stops_goes_on_and_ends(tmp_path, monkeypatch):
    counted_updates.use(monkeypatch)
    config = small(
        max_steps=0, max_tokens=700, evaluate_every_tokens=300, log_every=1
    )
    config.training.schedule = "linear"
    straight, broken = str(tmp_path / "straight"), str(tmp_path / "broken")
    experiment.train(config, straight)
    wanted = [r for r in records(straight) if r["kind"] == "train"]
    assert wanted[-2]["tokens"] < 700 <= wanted[-1]["tokens"]
    assert newest(straight).step == wanted[-1]["step"]
    # the rate of the update before
    assert wanted[-2]["learning_rate"] > 1e-5 > wanted[-1]["learning_rate"]
    measured = [r["tokens"] for r in records(straight) if r["kind"] == "valid"]
    assert [int(tokens // 300) for tokens in measured] == [1, 2, 2]
    stop = iter([False] * 3 + [True])
    with monkeypatch.context() as patch:
        patch.setattr(experiment, "_asked_to_stop", lambda *_: next(stop))
        experiment.train(config, broken)
    assert newest(broken).step == 4
    experiment.train(config, broken)
    found = [r for r in records(broken) if r["kind"] == "train"]
    for name in ("step", "tokens", "learning_rate"):
        assert [r[name] for r in found] == [r[name] for r in wanted]
    experiment.train(config, broken)
    assert records(broken)[-1]["step"] == newest(broken).step
    assert RunDirectory(broken).read_config() == config


@pytest.mark.parametrize(
    ("steps", "tokens", "last"), [(2, 700, 2), (9, 700, 7), (0, 700, 7)]
)
def test_updates_or_tokens_end_a_training(steps, tokens, last):
    batches = types.SimpleNamespace(steps_for_tokens=lambda tokens: 7)
    config = small(max_steps=steps, max_tokens=tokens)
    planned = experiment._with_last_step(config, batches, False)
    assert planned.training.max_steps == last
    assert config.training.max_steps == steps


def test_a_new_training_has_to_leave_its_warm_up():
    """One that began before this was looked at goes on."""
    batches = types.SimpleNamespace(steps_for_tokens=lambda tokens: 7)
    settings = dict(max_tokens=700, warmup_steps=7, schedule="cosine")
    config = small(max_steps=0, **settings)
    with pytest.raises(InputError, match="warmup_steps is 7 of 7 updates"):
        experiment._with_last_step(config, batches, False)
    planned = experiment._with_last_step(config, batches, True)
    assert planned.training.max_steps == 7


def test_early_stopping(tmp_path, monkeypatch):
    counted_updates.use(monkeypatch)
    config = small(max_steps=40, evaluate_every=2, patience=2)
    workdir = str(tmp_path / "run")
    experiment.train(config, workdir)
    stopped = newest(workdir)
    assert stopped.step < 40
    assert stopped.progress["without_better"] == 2
    experiment.train(config, workdir)
    assert newest(workdir).step == stopped.step


def test_config_round_trips_through_the_run(trained):
    assert RunDirectory(str(trained)).read_config() == small()


@pytest.mark.parametrize("name", [checkpoints.STATE, checkpoints.MANIFEST])
def test_a_run_without_a_sound_checkpoint_is_left_alone(copy, name):
    before = records(copy)
    for one in saved(copy):
        if one.resumable or name == checkpoints.MANIFEST:
            os.truncate(os.path.join(one.path, name), 100)
    names = os.listdir(os.path.join(copy, "checkpoints"))
    with pytest.raises(InputError, match="Every checkpoint"):
        experiment.train(small(max_steps=13), copy)
    assert records(copy) == before
    assert os.listdir(os.path.join(copy, "checkpoints")) == names


def test_a_dev_set_of_nothing_is_told_before_anything_is_written(tmp_path):
    for name, line in (("en", "a b c"), ("de", "d e f")):
        (tmp_path / f"train.{name}").write_text(f"{line}\n" * 9)
        (tmp_path / f"val.{name}").write_text("@@\n")
    config = small()
    config.data.corpus = "text"
    config.data.directory = str(tmp_path)
    config.tokenizer.vocabulary_size = 12
    with pytest.raises(InputError, match="None of 1 sentence pairs"):
        experiment.train(config, str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_other_settings_train_and_translate(tmp_path):
    config = small(max_steps=3)
    for name, value in {
        "training.precision": "mixed_bfloat16",
        "training.ema_decay": 0.9,
        "tokenizer.joint": False,
        "tokenizer.vocabulary_size": 60,
        "model.tied_embeddings": "decoder",
        "model.normalization": "post",
        "model.residual_scale": "deepnorm",
        "model.shared_with_decoder": "all",
        "model.depth_embedding": True,
    }.items():
        section, field = name.split(".")
        setattr(getattr(config, section), field, value)
    experiment.train(config, str(tmp_path / "run"))
    run = trained_run.load_run(str(tmp_path / "run"))
    assert len(run.translator()(["one", "two"])) == 2
