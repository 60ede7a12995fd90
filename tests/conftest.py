"""Fixtures shared by the tests."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import settings

# The same examples in every run; compiling a kernel may take one of them seconds.
settings.register_profile("toolkit", derandomize=True, deadline=None)
settings.load_profile("toolkit")


@pytest.fixture(scope="session")
def clusters():
    """5,000 points in 10 Gaussian clusters, labelled by their cluster."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(10), 500))
    centres = rng.normal(size=(10, 32))
    points = centres[labels] + rng.normal(size=(5000, 32))
    return SimpleNamespace(points=points.astype(np.float32), labels=labels)


@pytest.fixture(scope="session")
def data_root():
    """Find the folder with the real data sets, by a set's own folder in it; most machines lack them."""
    root = Path(os.environ.get("TOOLKIT_DATA") or Path.home() / ".cache" / "toolkit").expanduser()

    def find(folder):
        if not (root / folder).is_dir():
            pytest.skip(f"no {folder} under {root}: set TOOLKIT_DATA to the folder that holds it")
        return root

    return find
