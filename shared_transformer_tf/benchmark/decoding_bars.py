"""What the picture of `benchmark.decoding` shows."""

from collections.abc import Mapping

from shared_transformer_tf.benchmark.bars import Panel


def _speed(one: Mapping) -> float:
    return one["sentences_per_second"]


def _speed_label(one: Mapping, value: float) -> str:
    times = one["milliseconds"]
    return (
        f"{value:,.0f} ({one['speed_ratio']:.1f}x; "
        f"{times['p50']:,.0f}, {times['p95']:,.0f} ms)"
    )


def _cost(one: Mapping) -> float:
    return one["cost_ratio"]


def _cost_label(one: Mapping, value: float) -> str:
    return (
        f"{value:.2f}x (FLOPs {one['flops_ratio']:.2f}x; "
        f"{one['memory_projections']} made)"
    )


PANELS = (
    *(
        Panel(
            f"beam_{beam_size}_batch_{size}",
            f"Beam {beam_size}, {words}",
            "sentences per second (over the first's; p50, p95 of a call)",
            _speed,
            _speed_label,
        )
        for beam_size in (4, 1)
        for size, words in ((64, "batches of 64, sorted"), (1, "one by one"))
    ),
    Panel(
        "depth",
        "Cost of depth, 128 wide, beam 4, 64 x 20 tokens",
        "seconds over those of 3 layers (FLOPs likewise; keys and values made)",
        _cost,
        _cost_label,
    ),
)
