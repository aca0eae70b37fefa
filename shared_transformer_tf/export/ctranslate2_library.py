"""CTranslate2, imported so that it multiplies bytes rightly on this CPU."""

import os
import sys

from absl import logging

from shared_transformer_tf import cpu

_USE_MKL = "CT2_USE_MKL"  # read by CTranslate2 as it is imported
_VNNI = {"avx512_vnni", "avx_vnni"}


def choose_backend() -> None:
    """Has CTranslate2 use MKL where products of bytes would overflow.

    On a CPU without VNNI oneDNN, which CTranslate2 uses on others than
    Intel's, adds two products of bytes in 16 bits, which saturate (its guide
    says so). The user's own CT2_USE_MKL stays.
    """
    there = cpu.instructions()
    if not there or there & _VNNI or _USE_MKL in os.environ:
        return
    if "ctranslate2" in sys.modules:
        logging.warning(
            "%s has no VNNI instructions, so int8 translations may be wrong: "
            "set CT2_USE_MKL=1 before ctranslate2 is imported.",
            cpu.name(),
        )
        return
    os.environ[_USE_MKL] = "1"
    logging.info(
        "%s has no VNNI instructions: CTranslate2 is run with CT2_USE_MKL=1, "
        "which int8 needs there.",
        cpu.name(),
    )


choose_backend()

import ctranslate2  # noqa: E402
from ctranslate2 import specs  # noqa: E402
from ctranslate2.specs import transformer_spec  # noqa: E402

__all__ = ["choose_backend", "ctranslate2", "specs", "transformer_spec"]
