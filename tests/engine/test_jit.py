"""Compiled code that can't be kept or read: a warning, and the same results."""

import warnings
from subprocess import PIPE, STDOUT

import pytest
from numba.core.caching import IndexDataCacheFile
from training_runs import python

from toolkit.engine import jit

ADD = """
import warnings
from pathlib import Path
warnings.simplefilter("always")
from toolkit.engine import kernels
from toolkit.engine.walking import random_states
print(kernels.permutation(5, random_states(1, 0)[0]).tolist())
"""


def permutation():
    """Return what a new process prints."""
    process = python(ADD, stdout=PIPE, stderr=STDOUT, text=True)
    printed = process.communicate(timeout=200)[0]
    assert process.returncode == 0, printed
    return printed


@pytest.fixture
def unwarned(monkeypatch):
    monkeypatch.setattr(jit.Cache, "warned", False)


def test_a_full_disk_is_warned_about_once(monkeypatch, unwarned):
    def fail(self, key, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "save", fail)
    monkeypatch.setattr(IndexDataCacheFile, "load", lambda self, key: None)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert jit.kernel(lambda x: x + 1)(1) == 2
        assert jit.kernel(lambda x: x + 2)(1) == 3
    (warning,) = caught
    assert "No space left on device" in str(warning.message)
    assert "NUMBA_CACHE_DIR" in str(warning.message)


def test_damaged_compiled_code_is_compiled_again_and_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    first = permutation()
    assert "warn" not in first.lower()
    for path in tmp_path.rglob("*.nb[ic]"):
        path.write_bytes(path.read_bytes()[:100])
    second = permutation()
    assert "compiled code can't be" in second
    assert second.splitlines()[-1] == first.splitlines()[-1]
    assert permutation() == first
