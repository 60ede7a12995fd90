"""Suggested settings on every bundled data set: walks against a fine grid, and samplers against each other.

``walks``: the grid has 450 settings: five numbers of candidates, nine of neighbours, ten restart probabilities, another
seed. ``samplers``: which sampler is suggested, and how long that takes. Sets are embedded by the models of
`benchmarks.estimates`.
"""

import argparse
import time
from collections.abc import Callable
from itertools import product

import numpy as np
import pandas as pd
import torch

from benchmarks import estimates, report
from benchmarks.retrieval_rivals import SHOWN
from toolkit import ProximityGraph
from toolkit.metrics import suggest_settings
from toolkit.proximity import join_pairs
from toolkit.samplers import SAMPLERS, Budget
from toolkit.samplers.measuring import measurer

GRID = (200, 500, 1000, 2000, 5000), (5, 10, 15, 25, 40, 70, 100, 200, 400), tuple(np.arange(10) / 10)
BATCH_SIZES = {"images": 128, "sentences": 64, "molecules": 64, "definitions": 32}
LARGE = 100_000, 128
WALK = ("random_walk",)


def unit_rows(queries, targets=None) -> torch.Tensor:
    """Return the rows that a graph is made of."""
    return torch.nn.functional.normalize(queries) if targets is None else join_pairs(queries, targets)


def best_of_grid(rows: torch.Tensor, paired: bool, batch_size: int, budget: Budget) -> float:
    """Return the largest hardness within the budget."""
    counter = budget.counter(rows, paired, 1)
    rate, _ = budget.limits(counter.prior, batch_size, paired)
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
    """Return a line of the table of walks."""
    queries, targets, labels = data
    paired, batch_size = name == "definitions", BATCH_SIZES[name]
    labels = labels if labelled else None
    known = {"targets": targets} if paired else {}
    began = time.perf_counter()
    found = suggest_settings(queries, batch_size, labels=labels, samplers=WALK, **known)
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


def choice(name: str, labelled: bool, data: estimates.Embedded) -> dict:
    """Return a line of the table of samplers."""
    queries, targets, labels = data
    known = {"targets": targets} if name == "definitions" else {}
    found = suggest_settings(queries, BATCH_SIZES[name], labels=labels if labelled else None, **known)
    compared = found.compared.set_index("sampler")
    gaps = {SAMPLERS[each].label: f"{compared.loss_gap[each]:.2f}" for each in compared.index}
    shown = ", ".join(f"{key}={value}" for key, value in found.settings.items() if key in SHOWN)
    return {
        "set": name,
        "false negatives by": found.method,
        "suggested": f"{SAMPLERS[found.sampler].label}, {shown}".removesuffix(", "),
        "rate": f"{found.false_negative_rate:.1%}",
        "limit": f"{found.limit:.1%}",
        "hardness": f"{found.hardness:.3f}",
        "variety": f"{found.variety:.1f} of {found.batch_size}",
        "loss gaps": ", ".join(f"{label} {gap}" for label, gap in gaps.items()),
    }


def large() -> str:
    """Time 100,000 instances in 1,000 groups, with the walk alone and with all samplers by turns."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(1000, LARGE[1]))
    points = (centres[rng.integers(1000, size=LARGE[0])] + rng.normal(size=LARGE)).astype(np.float32)
    walk, every = report.interleaved(
        lambda: suggest_settings(points, 256, samplers=WALK), lambda: suggest_settings(points, 256), repeats=3
    )
    return (
        f"{LARGE[0]:,} x {LARGE[1]}: {np.median(every):.1f} s ({every.min():.1f} to {every.max():.1f}) for all "
        f"samplers, {np.median(every / walk):.2f} times as long as for the walk alone, {torch.get_num_threads()} "
        "threads."
    )


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, write."""
    tables = {"walks": judge, "samplers": choice}
    parser = argparse.ArgumentParser(prog="python -m benchmarks.suggestions", description=__doc__.partition("\n")[0])
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"any of {', '.join(tables)} (default: all)")
    options = parser.parse_args(arguments)
    wanted = options.tables or list(tables)
    if unknown := set(wanted) - set(tables):
        parser.error(f"TABLE must be any of {', '.join(tables)}, got {', '.join(sorted(unknown))}")
    lines: dict[str, list[dict]] = {name: [] for name in wanted}
    for name in BATCH_SIZES:
        torch.manual_seed(0)
        data = estimates.SETS[name]()
        for table, labelled in product(wanted, (True, False)):
            lines[table].append(tables[table](name, labelled, data))
            print(pd.DataFrame(lines[table][-1:]).to_string(index=False), flush=True)
    for table, found in lines.items():
        text = report.markdown(pd.DataFrame(found))
        if table == "samplers":
            text = f"{text}\n\n{large()}"
        report.refresh(f"suggested {table}", text)


if __name__ == "__main__":
    main()
