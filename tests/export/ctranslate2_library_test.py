"""Where sums of bytes would overflow CTranslate2 is told to use MKL."""

import os
import sys

import pytest

from shared_transformer_tf.export import ctranslate2_library


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """As before the first import; nothing of it stays."""
    monkeypatch.setenv("CT2_USE_MKL", "")
    monkeypatch.delenv("CT2_USE_MKL")
    monkeypatch.delitem(sys.modules, "ctranslate2")


def choose(monkeypatch, there):
    monkeypatch.setattr(ctranslate2_library.cpu, "instructions", lambda: there)
    ctranslate2_library.choose_backend()
    return os.environ.get("CT2_USE_MKL")


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        ({"avx2"}, "1"),
        ({"avx2", "avx512_vnni"}, None),
        ({"avx2", "avx_vnni"}, None),
        (set(), None),  # a CPU of another kind
    ],
)
def test_mkl_is_chosen_where_there_is_no_vnni(monkeypatch, there, chosen):
    assert choose(monkeypatch, there) == chosen


def test_the_users_word_stays(monkeypatch):
    monkeypatch.setenv("CT2_USE_MKL", "0")
    assert choose(monkeypatch, {"avx2"}) == "0"


def test_that_it_is_too_late_is_told(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "ctranslate2", ctranslate2_library)
    assert choose(monkeypatch, {"avx2"}) is None
    assert "set CT2_USE_MKL=1 before ctranslate2 is imported" in caplog.text
