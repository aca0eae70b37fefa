"""What is told of the gradients of each use."""

import json

import numpy as np
import pytest
import tensorflow as tf

from shared_transformer_tf import experiment
from shared_transformer_tf.training import diagnostics
from shared_transformer_tf.training.progress import TrainingProgress
from tests.small_run import small
from tests.training.reused import batch, tagger


def test_statistics_are_those_of_the_gradients():
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(3, 40)) + 0.3
    found = diagnostics.statistics(gradients @ gradients.T)
    total = gradients.sum(0)
    norms = np.linalg.norm(gradients, axis=1)
    assert found["norms"] == pytest.approx(norms)
    assert found["gradient_norm"] == pytest.approx(np.linalg.norm(total))
    cosines = [
        gradients[i] @ gradients[j] / norms[i] / norms[j]
        for i, j in ((0, 1), (0, 2), (1, 2))
    ]
    assert found["cosines"] == pytest.approx(cosines)
    assert found["alignment"] == pytest.approx(np.mean(cosines))
    assert sum(found["shares"]) == pytest.approx(1.0)
    # so long is a sum of vectors of these norms and this mean cosine
    equal = np.eye(4)[:3] + 0.5
    found = diagnostics.statistics(equal @ equal.T)
    count, norm, c = 3, found["norms"][0], found["alignment"]
    assert found["gradient_norm"] == pytest.approx(
        norm * np.sqrt(count * (1 + (count - 1) * c))
    )


def test_one_use_has_no_partner_and_zero_gradients_no_direction():
    assert diagnostics.statistics(np.array([[4.0]])) == {
        "gradient_norm": 2.0,
        "norms": [2.0],
    }
    found = diagnostics.statistics(np.zeros((2, 2)))
    assert found["cosines"] == [0.0]
    assert found["shares"] == [0.0, 0.0]


@pytest.mark.parametrize("slices", [1, 2])
def test_they_are_the_gradients_of_the_step_dropout_on(slices):
    model = tagger(dropout=0.4)
    model.compile("sgd", accumulation_steps=slices)
    data = tf.nest.map_structure(tf.constant, batch(0))
    before = [v.numpy() for v in model.variables]
    products = tf.function(diagnostics.inner_products, autograph=False)(
        model, data
    )
    for one, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(variable, one)  # seeds among them
    total = sum(float(tf.reduce_sum(one)) for one in products)
    logs = tf.function(model.train_step, autograph=False)(data)
    assert total**0.5 == pytest.approx(float(logs["gradient_norm"]), rel=1e-5)
    again = tf.function(diagnostics.inner_products, autograph=False)(
        model, data
    )
    assert sum(float(tf.reduce_sum(o)) for o in again) != pytest.approx(total)


def test_tensorboard_gets_each_use_and_pairs_of_the_first():
    gradients = np.random.default_rng(0).normal(size=(10, 40))
    found = diagnostics.statistics(gradients @ gradients.T)
    shown = diagnostics.scalars({"a": found, "b": {"norms": [2.0]}})
    assert shown["a/norms/10"] == found["norms"][9]
    assert shown["a/shares/2"] == found["shares"][1]
    assert shown["a/cosines/1-3"] == found["cosines"][1]
    assert shown["a/alignment"] == found["alignment"]
    assert "a/cosines/7-8" in shown and "a/cosines/1-9" not in shown
    assert sum("cosines" in name for name in shown) == 8 * 7 // 2
    assert shown["b/norms/1"] == 2.0
    assert not [value for value in shown.values() if np.ndim(value)]


def test_weights_of_a_sublayer_that_are_used_unequally_are_told_apart():
    groups = diagnostics.by_sublayer(
        ["a/kernel", "a/bias", "b/kernel", "b/bias"], list("wxyz"), [2, 2, 1, 3]
    )
    assert groups == {
        "a": ["w", "x"],
        "b of 1 uses": ["y"],
        "b of 3 uses": ["z"],
    }


class Log(list):
    def read(self, kind):
        return []

    def write(self, kind, step, values, shown=None):
        self.append((step, values["sublayers"]))

    def write_image(self, *args):
        raise AssertionError("there is no stack here")


def test_one_graph_serves_batches_of_every_shape(monkeypatch):
    traced = []
    compute = diagnostics.inner_products

    def counted(model, data):
        traced.append(data[1].shape)
        return compute(model, data)

    monkeypatch.setattr(diagnostics, "inner_products", counted)
    model = tagger()
    model.compile("sgd")
    progress, log = TrainingProgress(), Log()
    callback = diagnostics.UseDiagnostics(
        1, progress, log, lambda step, *_: batch(step, rows=4 + step), {},
        lambda: None,
    )  # fmt: skip
    callback.set_model(model)
    callback.on_train_begin()
    for step in range(3):
        callback.on_train_batch_begin(step)
        (inputs, targets) = batch(step, rows=4 + step)
        logs = model.train_on_batch(inputs, targets, return_dict=True)
        progress.step += 1
        callback.on_train_batch_end(step)
        parts = log[-1][1]
        whole = sum(part["gradient_norm"] ** 2 for part in parts.values())
        assert whole**0.5 == pytest.approx(logs["gradient_norm"], rel=1e-4)
    assert [step for step, _ in log] == [1, 2, 3]
    assert len(traced) == 1


@pytest.fixture(name="records", scope="module")
def fixture_records(tmp_path_factory, trained):
    """Of a run that looks at its gradients, and of one that does not."""
    looking = str(tmp_path_factory.mktemp("runs") / "run")
    experiment.train(small(diagnose_every=4), looking)
    found = []
    for folder in (looking, trained):
        with open(f"{folder}/metrics.jsonl") as stream:
            found.append([json.loads(line) for line in stream])
    return found


def test_a_training_records_them(records):
    looked = [r for r in records[0] if r["kind"] == "uses"]
    assert [r["step"] for r in looked] == [4, 8, 12]
    norms = {r["step"]: r for r in records[0] if r["kind"] == "train"}
    for record in looked:
        parts = record["sublayers"]
        assert len(parts["encoder/block_0_feed_forward"]["norms"]) == 2
        assert len(parts["source_embedding/target_tokens"]["norms"]) == 3
        assert all(part["update_ratio"] > 0 for part in parts.values())
        whole = sum(p["gradient_norm"] ** 2 for p in parts.values()) ** 0.5
        told = norms[record["step"]]["gradient_norm"]
        assert whole == pytest.approx(told, rel=1e-4)


def test_looking_changes_nothing(records):
    looking, other = (
        [r["loss"] for r in lines if r["kind"] == "train"] for lines in records
    )
    assert looking == pytest.approx(other, rel=1e-5)
    assert not [r for r in records[1] if r["kind"] == "uses"]
