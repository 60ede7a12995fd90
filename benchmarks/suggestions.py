"""Suggested settings on every bundled data set, compared with the best point of a fine grid, and the time they take.

The grid has 450 settings: five numbers of candidates, nine of neighbours, ten restart probabilities, another seed. Sets
are embedded by the models of `benchmarks.estimates`.
"""

import time
from collections.abc import Callable
from itertools import product

import numpy as np
import pandas as pd
import torch

from benchmarks import estimates, report
from toolkit import ProximityGraph
from toolkit.metrics import suggest_settings
from toolkit.proximity import join_pairs
from toolkit.samplers import Budget
from toolkit.samplers.measuring import measurer

GRID = (200, 500, 1000, 2000, 5000), (5, 10, 15, 25, 40, 70, 100, 200, 400), tuple(np.arange(10) / 10)
BATCH_SIZES = {"images": 128, "sentences": 64, "molecules": 64, "definitions": 32}
LARGE = 100_000, 128


def unit_rows(queries, targets=None) -> torch.Tensor:
    """Return the rows that a graph is made of."""
    return torch.nn.functional.normalize(queries) if targets is None else join_pairs(queries, targets)


def best_of_grid(rows: torch.Tensor, paired: bool, batch_size: int, budget: Budget) -> float:
    """Return the largest hardness within the budget."""
    counter = budget.counter(rows, paired, 1)
    rate, _ = budget.limits(counter.prior)
    best = -1.0
    for n_candidates in GRID[0]:
        sizes = {"n_candidates": min(n_candidates, len(rows) - 1), "n_neighbors": min(n_candidates, max(GRID[1]))}
        graph = ProximityGraph.build(rows, **sizes, paired=paired, seed=1)
        measure: Callable = measurer(graph, rows, counter, batch_size, "partition", 1)
        for n_neighbors, restart in product(GRID[1], GRID[2]):
            if n_neighbors <= graph.n_neighbors:
                found = measure(n_neighbors, restart)
                best = max(best, found.hardness if found.false_negative_rate <= rate else -1.0)
    return best


def judge(name: str, labelled: bool, data: estimates.Embedded) -> dict:
    """Return a line of the table."""
    queries, targets, labels = data
    paired, batch_size = name == "definitions", BATCH_SIZES[name]
    labels = labels if labelled else None
    known = {"targets": targets} if paired else {}
    began = time.perf_counter()
    found = suggest_settings(queries, batch_size, labels=labels, **known)
    seconds = time.perf_counter() - began
    best = best_of_grid(unit_rows(queries, *known.values()), paired, batch_size, Budget(labels=labels))
    shuffled = found.points.hardness.iloc[0]
    settings = [found.settings.get(key, "") for key in ("n_candidates", "n_neighbors", "restart")]
    return {
        "set": name,
        "false negatives by": found.method,
        "M, K, restart": ", ".join(map(str, settings)),
        "rate": f"{found.false_negative_rate:.1%}",
        "limit": f"{found.limit:.1%}",
        "hardness": f"{found.hardness:.3f}",
        "best of the grid": f"{best:.3f}",
        "share of its gain": f"{(found.hardness - shuffled) / (best - shuffled):.0%}",
        "seconds": f"{seconds:.1f}",
    }


def large() -> str:
    """Time 100,000 instances in 1,000 groups."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(1000, LARGE[1]))
    points = centres[rng.integers(1000, size=LARGE[0])] + rng.normal(size=LARGE)
    times = [report.seconds(lambda: suggest_settings(points.astype(np.float32), 256)) for _ in range(4)][1:]
    return (
        f"{LARGE[0]:,} x {LARGE[1]}: {np.median(times):.1f} s ({min(times):.1f} to {max(times):.1f}), "
        f"{torch.get_num_threads()} threads."
    )


def main() -> None:
    """Measure, print, write."""
    lines = []
    for name in BATCH_SIZES:
        torch.manual_seed(0)
        data = estimates.SETS[name]()
        for labelled in (True, False):
            lines.append(judge(name, labelled, data))
            print(pd.DataFrame(lines[-1:]).to_string(index=False), flush=True)
    text = large()
    print(text)
    report.refresh("suggestions", f"{report.markdown(pd.DataFrame(lines))}\n\n{text}")


if __name__ == "__main__":
    main()
