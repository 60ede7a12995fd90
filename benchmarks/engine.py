"""Graph and walk against the published procedure, as ratios taken side by side in one run.

usage: python -m benchmarks.engine

The published procedure is written out here from its description (arXiv 2306.03355): candidates drawn for each row
on its own with a batched product and top-k in torch, and a walk in plain Python. Writes the table in
`benchmarks/README.md`.
"""

import platform
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from toolkit import ProximityGraph
from toolkit.walks import random_states, walk_batches

N, DIM, M, K, BATCH, RESTART, REPEATS = 20_000, 128, 1000, 100, 256, 0.2, 5
README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- engine: begin -->", "<!-- engine: end -->"


def published_graph(unit: torch.Tensor) -> np.ndarray:
    """Draw candidates per row, score them by a batched product, keep the best."""
    neighbors = []
    for rows in unit.split(len(unit) // 20):
        candidates = torch.randint(len(unit), (len(rows), M))
        scores = torch.bmm(unit[candidates], rows.unsqueeze(2)).squeeze(2)
        neighbors.append(candidates.gather(1, scores.topk(K).indices))
    return torch.cat(neighbors).numpy()


def published_walk(neighbors: np.ndarray, start: int) -> list[int]:
    """Walk step by step in Python until the batch is full."""
    batch, node = {start}, start
    while len(batch) < BATCH:
        node = start if random.random() < RESTART else random.choice(neighbors[node].tolist())
        batch.add(node)
    return list(batch)


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def ratios(slow: Callable[[], float], fast: Callable[[], float]) -> np.ndarray:
    """Return the ratios of interleaved timings."""
    fast()
    return np.array([slow() / fast() for _ in range(REPEATS)])


def measure() -> dict[str, np.ndarray]:
    """Return the ratios by key."""
    unit = torch.nn.functional.normalize(torch.randn(N, DIM, generator=torch.Generator().manual_seed(0)), dim=1)
    graph = ProximityGraph.build(unit, M, K)
    starts, states = np.arange(200), random_states(200, 0)
    return {
        "graph_speedup_vs_published": ratios(
            lambda: seconds(lambda: published_graph(unit)), lambda: seconds(lambda: ProximityGraph.build(unit, M, K))
        ),
        "walk_speedup_vs_published": ratios(
            lambda: seconds(lambda: [published_walk(graph.neighbors, s) for s in starts[:20]]) / 20,
            lambda: seconds(lambda: walk_batches(graph, starts, BATCH, RESTART, states=states)) / 200,
        ),
    }


def main() -> None:
    """Measure, print, and refresh the table."""
    lines = ["| key | median | min to max |", "|---|---|---|"]
    for key, values in measure().items():
        lines.append(f"| `{key}` | {np.median(values):.0f} | {values.min():.0f} to {values.max():.0f} |")
    setting = f"N = {N}, d = {DIM}, M = {M}, K = {K}, B = {BATCH}, restart {RESTART}, {REPEATS} interleaved repeats"
    machine = f"{torch.get_num_threads()} threads, {platform.machine()}, torch {torch.__version__}"
    table = "\n".join([f"{setting}; {machine}.", "", *lines])
    print(table)
    before, rest = README.read_text().split(BEGIN)
    README.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    main()
