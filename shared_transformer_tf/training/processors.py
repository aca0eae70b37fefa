"""What a training runs on, in words, and whether it suits the precision."""

import pathlib
import platform
import re
from collections import Counter

import tensorflow as tf

_CPU_FACTS = pathlib.Path("/proc/cpuinfo")
# Of most use to matrix products first; each processor is named by one.
_INSTRUCTIONS = ("amx_bf16", "avx512_bf16", "avx512f", "avx2")
_OF_PRECISION = {
    "mixed_bfloat16": {"amx_bf16", "avx512_bf16"},
    "mixed_float16": {"amx_fp16", "avx512_fp16"},
}


def describe() -> str:
    """Returns what TensorFlow computes on: equal words, equal speed.

    Such as `AMD EPYC with avx2` or `2 x NVIDIA H100 80GB HBM3`. Of a
    processor that does not say its instructions, its architecture.
    """
    accelerators = [
        tf.config.experimental.get_device_details(device).get("device_name")
        or device.device_type
        for device in tf.config.list_physical_devices()
        if device.device_type in ("GPU", "TPU")
    ]
    if accelerators:
        return ", ".join(
            f"{number} x {name}" if number > 1 else name
            for name, number in Counter(accelerators).items()
        )
    name, instructions = _processor()
    known = [one for one in _INSTRUCTIONS if one in instructions]
    return f"{name} with {known[0]}" if known else name


def slow_precision(precision: str) -> str:
    """Returns a warning where float32 is faster than what is asked for.

    Args:
        precision: of a training, such as `mixed_bfloat16`.

    Returns:
        One line, empty where there is no reason to warn, or where the
        processor does not say its instructions.
    """
    kinds = {device.device_type for device in tf.config.list_physical_devices()}
    name, instructions = _processor()
    wanted = _OF_PRECISION.get(precision)
    if kinds & {"GPU", "TPU"} or not instructions or not wanted:
        return ""
    if wanted & instructions:
        return ""
    return (
        f"{name} has no instructions for {precision}, which is emulated: "
        "--config.training.precision=float32 is likely to be faster."
    )


def _processor() -> tuple[str, set[str]]:
    """Returns the name of the processor and its instruction sets."""
    facts = _CPU_FACTS.read_text() if _CPU_FACTS.exists() else ""
    name = re.search(r"^model name\s*: (.+)$", facts, re.MULTILINE)
    flags = re.search(r"^flags\s*: (.+)$", facts, re.MULTILINE)
    return (
        name[1].strip() if name else platform.machine(),
        set(flags[1].split()) if flags else set(),
    )
