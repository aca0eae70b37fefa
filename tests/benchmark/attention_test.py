"""The benchmark of attention measures both layers."""

from shared_transformer_tf.benchmark.attention import compare_attention


def test_results_name_both_kinds():
    results = compare_attention(rows=2, length=3, hidden_dim=8, rounds=1)
    assert len(results) == 4
    assert all(value > 0 for value in results.values())
