"""The loader that keeps states next to the plain one, at a small size."""

import warnings

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torchdata")

from benchmarks import loaders


def test_both_loaders_are_timed_in_turns():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # points without structure make batches as easy as a shuffle
        times = loaders.batch_times(3000, rounds=2, n_batches=3, workers=0)
    assert list(times) == ["DataLoader", "StatefulDataLoader"]
    assert times.shape == (2, 2)
    assert (times > 0).all(axis=None)
    assert "| StatefulDataLoader |" in loaders.table(times)


def test_the_ratio_is_that_of_pairs():
    plain = np.array([1.0, 5.0, 2.0, 8.0])
    value, low, high = loaders.ratio(pd.DataFrame({"plain": plain, "other": plain * [1.1, 1.2, 1.1, 1.2]}))
    assert value == pytest.approx((1.1 * 1.2) ** 0.5)
    assert 1 < low < value < high < 1.3
