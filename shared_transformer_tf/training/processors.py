"""What a training runs on, in words, and whether it suits the precision."""

from collections import Counter

import tensorflow as tf

from shared_transformer_tf import cpu

_OF_PRECISION = {
    "mixed_bfloat16": {"amx_bf16", "avx512_bf16"},
    "mixed_float16": {"amx_fp16", "avx512_fp16"},
}


def describe() -> str:
    """Returns what TensorFlow computes on: equal words, about equal speed.

    Such as `AMD EPYC with avx2` or `2 x NVIDIA H100 80GB HBM3`.
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
    return cpu.describe()


def slow_precision(precision: str) -> str:
    """Returns a warning where float32 is faster than what is asked for.

    Args:
        precision: of a training, such as `mixed_bfloat16`.

    Returns:
        One line, empty where there is no reason to warn, or where the
        processor does not say its instructions.
    """
    kinds = {device.device_type for device in tf.config.list_physical_devices()}
    there, wanted = cpu.instructions(), _OF_PRECISION.get(precision)
    if kinds & {"GPU", "TPU"} or not there or not wanted:
        return ""
    if wanted & there:
        return ""
    return (
        f"{cpu.name()} has no instructions for {precision}, which is emulated: "
        "a new run with --config.training.precision=float32 is likely to be "
        "faster."
    )
