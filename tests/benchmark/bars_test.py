"""The picture shows what was measured, and only that."""

import matplotlib.figure

from shared_transformer_tf.benchmark import bars, decoding_bars, training_bars

ONE = {
    "tokens_per_second": 1000,
    "speed_ratio": 1.0,
    "trace_seconds": 2.0,
    "first_step_seconds": 3.5,
    "resident_gib": 0.5,
    "peak_gib": 2.0,
}


def texts_of(monkeypatch, results, path, panels=training_bars.PANELS):
    """Returns the texts of every panel, as they stand on the figure."""
    figures = []
    save = matplotlib.figure.Figure.savefig

    def keep(figure, *args, **kwargs):
        figures.append(figure)
        save(figure, *args, **kwargs)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", keep)
    bars.draw(panels, results, str(path))
    return [
        {axes.get_title(loc="left"), axes.get_xlabel()}
        | {text.get_text() for text in axes.texts}
        for axes in figures[0].axes
    ]


def test_speed_start_and_memory_have_panels_with_units(monkeypatch, tmp_path):
    results = {
        "speed_tiny": {"ours": ONE | {"share_of_matrix_product": 0.25}},
        "depth": {"6 layers": ONE, "24 over 6": ONE},
        "memory": {"6 layers": ONE},
    }
    path = tmp_path / "new" / "training.png"
    speed, depth, start, memory = texts_of(monkeypatch, results, path)
    assert "1,000 (1.00x; 25%)" in speed
    assert "1,000 (1.00x)" in depth
    assert "5.5" in start
    assert "1.5" in memory
    assert all(any("tokens/s" in t for t in x) for x in (speed, depth))
    assert any("seconds" in text for text in start)
    assert any("GiB" in text for text in memory)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_what_was_not_measured_has_no_panel(monkeypatch, tmp_path):
    found = texts_of(monkeypatch, {"rules": {"none": ONE}}, tmp_path / "a.png")
    assert len(found) == 1


def test_decoding_has_speed_latency_and_cost(monkeypatch, tmp_path):
    one = {
        "sentences_per_second": 123.4,
        "speed_ratio": 3.21,
        "milliseconds": {"p50": 12.3, "p95": 45.6},
    }
    deep = one | {
        "cost_ratio": 2.5,
        "flops_ratio": 3.0,
        "memory_projections": 3,
    }
    results = {"beam_4_batch_1": {"ours": one}, "depth": {"12 over 3": deep}}
    path = tmp_path / "decoding.png"
    speed, depth = texts_of(monkeypatch, results, path, decoding_bars.PANELS)
    assert "123 (3.2x; 12, 46 ms)" in speed
    assert any("one by one" in text for text in speed)
    assert any("2.50x (FLOPs 3.00x" in text for text in depth)
