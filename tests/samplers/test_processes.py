"""Beyond one process: forked DataLoader workers, installations that nothing can be written to, the cache on disk."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

import toolkit
from toolkit import ProximityGraph, RandomWalkBatchSampler
from toolkit.proximity import walk_batches

PACKAGE = Path(toolkit.__file__).parent
# Python 3.12 and later warn of every fork beside other threads, and torch's own are always there.
WARNINGS = ["-W", "error", "-W", "ignore:This process:DeprecationWarning"]


def run(code: str, *options: str, package: Path = PACKAGE, **environment: str | None) -> subprocess.CompletedProcess:
    """Run Python code with this copy of the package in a process of its own; a hang fails the test."""
    search = os.pathsep.join([str(package.parent), str(Path(__file__).parent)])
    changed = os.environ | {"PYTHONPATH": search} | environment
    changed = {name: value for name, value in changed.items() if value is not None}
    command = [sys.executable, "-P", *options, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=changed)


class Points(Dataset):
    """Rows with their index."""

    def __init__(self, points: torch.Tensor) -> None:
        self.points = points

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: int) -> tuple[int, torch.Tensor]:
        return index, self.points[index]


def link_and_walk(points, **settings) -> np.ndarray:
    graph = ProximityGraph.build(points, n_candidates=100, n_neighbors=10, **settings)
    # More than 50,000 members: enough for a second thread.
    return walk_batches(graph, np.arange(len(points)), 150, seed=0)[0]


def train(refresh: str) -> None:
    """Train with forked workers after threads of every kind ran in this process; runs in a process of its own."""
    torch.set_num_threads(2)
    torch.manual_seed(0)
    points = torch.randn(600, 16)
    link_and_walk(points, n_threads=2)
    ProximityGraph.nearest(points, n_neighbors=10)
    torch.randn(500, 500) @ torch.randn(500, 500)
    sampler = RandomWalkBatchSampler(
        600, 50, n_candidates=100, n_neighbors=10, refresh_every=4, refresh=refresh, warmup_epochs=1
    )
    loader = DataLoader(
        Points(points),
        batch_sampler=sampler,
        num_workers=2,
        multiprocessing_context="fork",
        worker_init_fn=lambda worker: link_and_walk(points),
    )
    model = torch.nn.Linear(16, 8)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    steps = 0
    for _ in range(3):
        for indices, vectors in loader:
            embeddings = torch.nn.functional.normalize(model(vectors))
            loss = torch.logsumexp(embeddings @ embeddings.T / 0.5, 1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            sampler.update(indices, embeddings)
            steps += 1
    print(steps, sampler.warming_up, sampler.graph)


@pytest.mark.parametrize("refresh", ["blocking", "background"])
def test_forked_workers_after_threads(refresh):
    result = run(f"import test_processes; test_processes.train({refresh!r})", *WARNINGS)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "36 False ProximityGraph(n_nodes=600, n_neighbors=10, n_candidates=100)\n"


# Each kernel looks for a place to be kept in when it is imported, and for what is kept there when it is compiled.
WALK = """
import pkgutil
from importlib import import_module
import numpy as np
import toolkit
from toolkit import engine
from toolkit.proximity import walk_batches
for module in pkgutil.iter_modules(engine.__path__):
    import_module(f"toolkit.engine.{module.name}")
graph = toolkit.ProximityGraph.nearest(np.random.default_rng(0).normal(size=(300, 8)), n_neighbors=10)
batches, _ = walk_batches(graph, [7, 9], 32, seed=0)
print(toolkit.__path__[0], batches.shape)
"""


@pytest.fixture
def unwritable(tmp_path):
    """A copy of the package; a file stands where the folder for compiled code would be, also for root."""
    copy = shutil.copytree(PACKAGE, tmp_path / "site" / "toolkit", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in {path.parent for path in copy.rglob("*.py")}:
        (folder / "__pycache__").touch()
    return copy


@pytest.mark.parametrize("home", ["home", "site/toolkit/proximity/graph.py"])
def test_unwritable_installation(home, unwritable, tmp_path):
    # A home that is a file cannot be written to either.
    places = {"HOME": str(tmp_path / home), "NUMBA_CACHE_DIR": None, "XDG_CACHE_HOME": None}
    result = run(WALK, package=unwritable, **places)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{unwritable} (2, 32)\n"


LINK = """
import numpy as np
from toolkit import ProximityGraph
from toolkit.proximity import walk_batches
graph = ProximityGraph.build(np.random.default_rng(0).normal(size=(700, 8)), n_candidates=300, n_neighbors=33)
batches, _ = walk_batches(graph, [7, 9], 32, seed=0)
print(np.sort(graph.neighbors, 1).ravel().tolist())
"""


@pytest.fixture(scope="module")
def linked_here():
    """What is printed with all instructions of this processor."""
    return run(LINK).stdout


def link_with(features: str, cache: Path) -> str:
    """Return what is printed with some instructions only; the compiled code is kept in a folder."""
    done = run(LINK, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES=features, NUMBA_CACHE_DIR=str(cache))
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def linked_plainly(tmp_path_factory):
    """What is printed without them, and the folder with the compiled code."""
    cache = tmp_path_factory.mktemp("compiled")
    return link_with("", cache), cache


def test_fewer_instructions_do_not_change_the_graph(linked_here, linked_plainly):
    assert linked_plainly[0] == linked_here


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="instructions of another processor")
def test_some_instructions_do_not_change_the_graph(linked_here, tmp_path):
    assert link_with("+avx,+avx2,+popcnt", tmp_path) == linked_here


def test_second_process_does_not_compile(linked_plainly):
    def kept() -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for path in cache.rglob("*.nb?")}

    printed, cache = linked_plainly
    before = kept()
    assert any("select_top_k" in name for name in before)
    assert any("walks" in name for name in before)
    assert link_with("", cache) == printed
    assert kept() == before
