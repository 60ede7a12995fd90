"""Two processes that do the same at the same time, from nothing."""

from subprocess import PIPE, STDOUT

import pytest
from training_runs import python

COMPARE = """
import sys
from toy_task import make_task
from toolkit.training import compare
found = compare(make_task(), ["uniform", "knn"], ["square"], [0, 1], sys.argv[1], progress=False)
print(found.to_frame().sort_values(["sampler", "seed"]).value.tolist())
"""
BUILD = """
import numpy as np
from toolkit import ProximityGraph
points = np.random.default_rng(0).normal(size=(500, 8)).astype(np.float32)
print(ProximityGraph.build(points, n_candidates=50, n_neighbors=5).neighbors.sum())
"""
PROJECT = """
import numpy as np
from toolkit.plots import projection
points = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
print(projection.umap(points).sum())
"""


def both(code, *arguments):
    """Run two processes; return what each of them printed last."""
    processes = [python(code, *arguments, stdout=PIPE, stderr=STDOUT, text=True) for _ in range(2)]
    printed = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], printed
    return [text.splitlines()[-1] for text in printed]


@pytest.mark.slow  # a single round of another task is in training/test_results.py
def test_comparisons(tmp_path, tally):
    rounds = 20
    for i in range(rounds):
        first, second = both(COMPARE, tmp_path / f"{i}.csv")
        assert first == second
        assert len((tmp_path / f"{i}.csv").read_text().splitlines()) == 5, "a header and each run once"
    tally("two comparisons at once", each_run_once=rounds)


@pytest.mark.slow
@pytest.mark.parametrize("round_", range(4))
@pytest.mark.parametrize("code", [BUILD, PROJECT], ids=["kernels", "maps"])
def test_from_empty_caches(code, round_, tmp_path, monkeypatch, tally):
    for variable in ("NUMBA_CACHE_DIR", "TOOLKIT_CACHE"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    first, second = both(code)
    assert first == second
    tally("two processes with empty caches", same_result=1)
