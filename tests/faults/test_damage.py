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
LONG = {"checkpoints": 400, "results cut short": 1000}  # number of damaged files in the slow form


def outcomes(kind, number):
    """Read damaged files in a process of their own; return how often each came of it."""
    settings = {"PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(TESTS / "damage_trials.py"), kind, str(number), "0"]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return Counter(json.loads(line)["outcome"] for line in done.stdout.splitlines())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("long", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_damaged_files(kind, long, tally):
    number = LONG.get(kind, 300) if long else 20
    counts = outcomes(kind, number)
    tally(f"damaged files: {kind}", **counts)
    assert counts.total() == number
    assert not counts["unclear"]
    if KINDS[kind].checked:  # plain text has no checksums: another letter is another letter
        assert not counts["other"]
    assert counts["refused"] or kind in ("results cut short", "sentences"), "of these, what is left can be read"
