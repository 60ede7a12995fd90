"""Odd arguments to every public function: the right answer, or an error that says which argument and why.

Functions are found by their examples (`public_calls`), so that new ones are covered without being listed.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

TESTS = Path(__file__).parents[1]
BAD = ("wrong", "unclear", "endless")


def outcomes(*arguments):
    """Run the trials in a process of their own; return what became of each."""
    paths = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    settings = {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, str(TESTS / "argument_trials.py"), *map(str, arguments)]
    with TemporaryDirectory() as folder:  # some calls write files there
        done = subprocess.run(
            command, cwd=folder, env=os.environ | settings, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(found, at_least, tally):
    counts = Counter(outcome["outcome"] for outcome in found)
    tally("odd arguments to public functions", **counts)
    bad = [outcome for outcome in found if outcome["outcome"] in BAD]
    assert not bad, "\n".join(map(str, bad))
    assert counts.total() >= at_least, counts
    assert min(counts["right"], counts["refused"]) > counts.total() / 50, counts


def test_a_thousand_odd_arguments(tally):
    check(outcomes(1000, 0, "quick"), 1000, tally)


@pytest.mark.slow
def test_all_odd_arguments(tally):
    check(outcomes(0, 0), 20_000, tally)
