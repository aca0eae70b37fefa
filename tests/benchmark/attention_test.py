"""The benchmark of attention measures both layers."""

import json

from shared_transformer_tf.benchmark.attention import compare_attention
from shared_transformer_tf.cli import benchmark


def test_results_name_both_kinds():
    results = compare_attention(rows=2, length=3, hidden_dim=8, rounds=1)
    assert len(results) == 4
    assert all(value > 0 for value in results.values())


def test_the_command_wants_a_subject(capsys):
    assert benchmark.main(["benchmark"]) == 1
    assert "attention" in capsys.readouterr().err
    assert benchmark.main(["benchmark", "--help"]) == 0
    assert "--rounds" in capsys.readouterr().out


def test_the_command_prints_json(capsys, monkeypatch):
    monkeypatch.setattr(
        "shared_transformer_tf.benchmark.attention.compare_attention",
        lambda rounds: {"rounds": rounds},
    )
    assert benchmark.main(["benchmark", "attention", "--rounds=3"]) == 0
    assert json.loads(capsys.readouterr().out) == {"rounds": 3}
