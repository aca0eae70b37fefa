"""What the picture of `benchmark.training` shows."""

from collections.abc import Mapping

from shared_transformer_tf.benchmark.bars import Panel


def _speed(one: Mapping) -> float:
    return one["tokens_per_second"]


def _speed_label(one: Mapping, value: float) -> str:
    label = f"{value:,} ({one['speed_ratio']:.2f}x"
    if "share_of_matrix_product" in one:
        label += f"; {one['share_of_matrix_product']:.0%}"
    return label + ")"


def _start(one: Mapping) -> float:
    return one["trace_seconds"] + one["first_step_seconds"]


def _memory(one: Mapping) -> float:
    return one["peak_gib"] - one["resident_gib"]


def _plain(_: Mapping, value: float) -> str:
    return f"{value:.1f}"


_TOKENS = "medians: target tokens/s (over the first's"
PANELS = (
    Panel(
        "speed_tiny",
        "4+4 layers, 128 wide, 240 x 17 tokens",
        _TOKENS + "; share of a matrix product's FLOPs)",
        _speed,
        _speed_label,
    ),
    Panel(
        "speed_small",
        "3+3 layers, 256 wide, 64 x 24 tokens",
        _TOKENS + "; share of a matrix product's FLOPs)",
        _speed,
        _speed_label,
    ),
    Panel(
        "rules",
        "Gradient rules; 4+4 layers from 2+2 blocks",
        _TOKENS + ")",
        _speed,
        _speed_label,
    ),
    Panel(
        "depth",
        "Depth over blocks, 128 wide, 64 x 24 tokens",
        _TOKENS + ")",
        _speed,
        _speed_label,
    ),
    Panel(
        "depth",
        "The same: until the first step is done",
        "seconds of tracing and first step",
        _start,
        _plain,
    ),
    Panel(
        "memory",
        "Memory of a step, 128 wide, 512 x 24 tokens",
        "GiB at the peak, over what the model takes at rest",
        _memory,
        _plain,
    ),
    Panel(
        "kept_memory",
        "Memory of tensors given back or kept, 240 x 17 tokens",
        _TOKENS + ")",
        _speed,
        _speed_label,
    ),
)
