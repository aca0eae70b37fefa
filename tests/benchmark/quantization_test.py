import pytest

from shared_transformer_tf import experiment, trained_run
from shared_transformer_tf.benchmark import quantization
from shared_transformer_tf.errors import InputError
from tests.small_run import small


def test_runs_of_one_name_are_refused():
    with pytest.raises(InputError, match="'run'] has one twice"):
        quantization.compare(["a/run", "b/run/"], ["one"], ["eins"], 1)


def test_runs_are_compared_in_both_types(tmp_path):
    config = small(max_steps=4)
    config.decoding.beam_size = 1
    experiment.train(config, str(tmp_path / "run"))
    run = trained_run.load_run(str(tmp_path / "run"))
    lines = ["one hundred and five", "twelve", "seven hundred"]
    # what it says itself is what it is to say
    references = [text or "x" for text in run.translator()(lines)]
    results = quantization.compare(
        [str(tmp_path / "run")], lines, references, rounds=2
    )
    assert (results["sentences"], results["turns"]) == (3, 2)
    (found,) = results["runs"].values()
    assert found["uses"] == {"encoder": [2], "decoder": [2]}
    assert set(found["model"]) == {"bleu_gnmt", "bleu_power"}
    assert found["float32"]["identical"] == 1
    assert 0 <= found["int8"]["identical"] <= 1
    assert found["int8"]["bytes"] < found["float32"]["bytes"]
    for kind in ("float32", "int8"):
        assert found[kind]["sentences_per_second"] > 0
        assert found[kind]["check"]["lines"] > 12
