"""Counts of what was tried, for the table of `docs/reliability.md`."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread):
    """Compute with one thread, as the processes do that are compared with this one."""


@pytest.fixture
def tally(record_property):
    """Note how many trials of a kind came to which end."""

    def note(kind, **ends):
        record_property("tried", kind)
        for end, count in ends.items():
            record_property(end, count)

    return note
