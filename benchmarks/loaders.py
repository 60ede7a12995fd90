"""Time of a batch from torchdata's StatefulDataLoader, which keeps the sampler's state, over torch's own loader.

``python -m benchmarks.loaders`` refreshes the table in README.md.
"""

import argparse
import time
import warnings
from itertools import islice

import numpy as np
import pandas as pd
import torch
from scipy import stats
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader

from benchmarks import report
from toolkit import RandomWalkBatchSampler

N, DIM, BATCH, WORKERS = 500_000, 256, 256, 2
LOADERS = {"DataLoader": DataLoader, "StatefulDataLoader": StatefulDataLoader}


def batch_times(n: int, rounds: int, n_batches: int, workers: int = WORKERS) -> pd.DataFrame:
    """Return milliseconds a batch of each loader (rounds, 2), measured in turns of `n_batches` within one epoch."""
    points = torch.randn(n, DIM, generator=torch.Generator().manual_seed(0))
    settings = {"n_candidates": 100, "n_neighbors": 10, "refresh_every": 10**6}
    runs = {}
    for name, make in LOADERS.items():
        # Each has one of its own: a sampler that has handed out a state keeps it up to date.
        sampler = RandomWalkBatchSampler.from_embeddings(points, BATCH, **settings)
        runs[name] = sampler, iter(make(range(n), batch_sampler=sampler, num_workers=workers))
    rows = []
    for turn in range(rounds + 1):  # the first warms up
        order = list(runs)[:: (-1) ** turn]
        rows.append({name: _milliseconds(*runs[name], points, n_batches) for name in order})
    return pd.DataFrame(rows[1:], columns=list(LOADERS))


def _milliseconds(sampler, batches, points: torch.Tensor, n_batches: int) -> float:
    began = time.perf_counter()
    for index in islice(batches, n_batches):
        sampler.update(index, points[index])
    return 1000 * (time.perf_counter() - began) / n_batches


def ratio(times: pd.DataFrame) -> tuple[float, float, float]:
    """Return the geometric mean of the paired ratios of the second loader's times to the first's, and its interval."""
    logs = np.log(times.iloc[:, 1] / times.iloc[:, 0])
    return tuple(np.exp([logs.mean(), *stats.t.interval(0.95, len(logs) - 1, logs.mean(), stats.sem(logs))]))


def table(times: pd.DataFrame) -> str:
    """Return the times and their ratio as Markdown."""
    rows = [[name, f"{times[name].median():.2f}", ""] for name in times]
    value, low, high = ratio(times)
    rows[1][2] = f"{value:.2f} ({low:.2f} to {high:.2f})"
    return report.markdown(pd.DataFrame(rows, columns=["loader", "ms a batch", "ratio"]))


def main() -> None:
    """Measure, print, refresh the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loaders", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--batches", type=int, default=30)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # points without structure make batches as easy as a shuffle
    text = table(batch_times(N, options.rounds, options.batches))
    print(text)
    report.refresh("loaders", text)


if __name__ == "__main__":
    main()
