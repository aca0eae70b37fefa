"""What the CPU is, and how TensorFlow should use it; without TensorFlow."""

import os
import pathlib
import platform
import re

_FACTS = pathlib.Path("/proc/cpuinfo")
# Of most use to matrix products first; a CPU is named by one.
_OF_MATRICES = ("amx_bf16", "avx512_bf16", "avx512f", "avx2")


def describe() -> str:
    """Returns such as `AMD EPYC with avx2`: equal words, about equal speed.

    Of a CPU that does not say its instructions, its name or architecture.
    """
    there = instructions()
    known = [one for one in _OF_MATRICES if one in there]
    return f"{name()} with {known[0]}" if known else name()


def name() -> str:
    """Returns the name of the CPU; its architecture where it has none."""
    return _fact("model name") or platform.machine()


def instructions() -> set[str]:
    """Returns its instruction sets; none where it does not say."""
    return set(_fact("flags").split())


def kept_memory() -> dict[str, str]:
    """Returns variables of the environment by which TensorFlow keeps memory.

    To be set before it starts. By default every large tensor of an update
    takes pages from the system and gives them back when it is gone, which may
    take as long as computing it. Kept for the next tensor, memory is given
    back when the process ends. With oneDNN, which TensorFlow uses by default
    on newer CPUs alone, large tensors have an allocator that keeps it anyway.
    """
    size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "TF_CPU_ALLOCATOR_USE_BFC": "true",
        # all of the machine's; TensorFlow's own limit is 64 GiB
        "TF_CPU_BFC_MEM_LIMIT_IN_MB": str(size // 2**20),
    }


def _fact(key: str) -> str:
    facts = _FACTS.read_text(encoding="utf-8") if _FACTS.exists() else ""
    found = re.search(rf"^{key}\s*: (.+)$", facts, re.MULTILINE)
    return found[1].strip() if found else ""
