"""Counts of what was tried, for the table of `docs/reliability.md`."""

import pytest


@pytest.fixture
def tally(record_property):
    """Note how many trials of a kind came to which end."""

    def note(kind, **ends):
        record_property("tried", kind)
        for end, count in ends.items():
            record_property(end, count)

    return note
