"""The measurement of large banks, at a small size."""

import warnings

import pytest

from benchmarks.growth import grown


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_small_bank_is_filled_and_built_twice(dtype):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # points without structure make batches as easy as a shuffle
        row = grown(60_000, dtype)
    assert (row["instances"], row["bank"]) == (60_000, dtype)
    assert row["fill_gib"] <= row["build_gib"] <= row["rebuild_gib"]
