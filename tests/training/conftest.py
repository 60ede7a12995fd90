"""Fixtures of the tests of training."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread):
    """Compute with one thread in each of these modules."""
