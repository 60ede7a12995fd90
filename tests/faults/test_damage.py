"""Damaged files of every kind: refused with their name, or harmless; never a crash, never other content in silence."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from damage_trials import KINDS

TESTS = Path(__file__).parents[1]
QUICK = 20  # damaged files of each kind
LONG = {"checkpoints": 400, "results cut short": 1000}  # number of damaged files in the slow form


def outcomes(number, *kinds):
    """Read damaged files in a process of their own; return how often each came of it, for each kind."""
    settings = {"PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(TESTS / "damage_trials.py"), str(number), *kinds]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return {kind: Counter(each["outcome"] for each in told if each["kind"] == kind) for kind in kinds}


@pytest.fixture(scope="module")
def quick():
    return outcomes(QUICK, *KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_some_damaged_files(kind, quick, tally):
    check(kind, QUICK, quick[kind])
    tally(f"damaged files: {kind}", **quick[kind])


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_damaged_files(kind, tally):
    number = LONG.get(kind, 300)
    counts = outcomes(number, kind)[kind]
    check(kind, number, counts)
    tally(f"damaged files: {kind}", **counts)


def check(kind, number, counts):
    """Assert that no damage passed unnoticed, and that each was named."""
    assert counts.total() == number
    assert not counts["unclear"]
    if KINDS[kind].checked:  # plain text has no checksums: another letter is another letter
        assert not counts["other"]
    assert counts["refused"] or kind in ("results cut short", "sentences"), "of these, what is left can be read"
