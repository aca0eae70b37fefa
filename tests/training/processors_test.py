"""What a training runs on is told, and where float32 would be faster."""

import pytest
import tensorflow as tf

from shared_transformer_tf import cpu
from shared_transformer_tf.training import processors

EPYC = "model name\t: AMD EPYC\nflags\t\t: fpu {}\n"


@pytest.fixture
def machine(monkeypatch, tmp_path):
    def make(facts, devices=("CPU",), names=()):
        path = tmp_path / "cpuinfo"
        path.write_text(facts)
        monkeypatch.setattr(cpu, "_FACTS", path)
        found = [
            tf.config.PhysicalDevice(f"/physical_device:{kind}:{i}", kind)
            for i, kind in enumerate(devices)
        ]
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda: found)
        monkeypatch.setattr(
            tf.config.experimental,
            "get_device_details",
            lambda device: {"device_name": names} if names else {},
        )

    return make


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("sse2", "AMD EPYC"),
        ("avx avx2 sse2", "AMD EPYC with avx2"),
        ("avx2 avx512f", "AMD EPYC with avx512f"),
        ("avx2 avx512f avx512_bf16 sse2", "AMD EPYC with avx512_bf16"),
    ],
)
def test_a_cpu_is_told_by_its_name_and_best_instructions(machine, flags, told):
    machine(EPYC.format(flags))
    assert processors.describe() == told


def test_accelerators_are_counted(machine):
    machine(EPYC.format("avx2"), ("CPU", "GPU", "GPU"), "NVIDIA H100")
    assert processors.describe() == "2 x NVIDIA H100"
    machine(EPYC.format("avx2"), ("CPU", "TPU"))
    assert processors.describe() == "TPU"


def test_an_emulated_precision_is_warned_of(machine):
    machine(EPYC.format("avx2 avx512f"))
    assert processors.slow_precision("float32") == ""
    for precision in ("mixed_bfloat16", "mixed_float16"):
        told = processors.slow_precision(precision)
        assert told.startswith(f"AMD EPYC has no instructions for {precision}")
        # A run that began keeps its precision.
        assert "a new run with --config.training.precision=float32" in told
    machine(EPYC.format("avx2 avx512f avx512_bf16"))
    assert processors.slow_precision("mixed_bfloat16") == ""
    assert processors.slow_precision("mixed_float16") != ""


def test_where_nothing_is_known_nothing_is_warned_of(machine):
    machine("processor\t: 0\nBogoMIPS\t: 50.00\n")
    assert processors.describe()
    assert processors.slow_precision("mixed_bfloat16") == ""
    machine(EPYC.format("avx2"), ("CPU", "GPU"))
    assert processors.slow_precision("mixed_bfloat16") == ""
