"""Ten million instances on one machine: time and peak memory of a bank, its builds and its batches.

``python -m benchmarks.growth --dtype float16`` adds a row to results/growth.csv. Each runs in its own process.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.engine import peak_bytes
from toolkit import RandomWalkBatchSampler
from toolkit.samplers.online import DTYPES

RESULTS = Path(__file__).parent / "results" / "growth.csv"
CHUNK = 65_536
DIM, CANDIDATES, NEIGHBORS, BATCH = 128, 1000, 50, 256


def grown(n: int, dtype: str) -> dict[str, object]:
    """Fill a bank, build twice and draw batches; return the seconds and the peak of each."""
    settings = {"n_candidates": CANDIDATES, "n_neighbors": NEIGHBORS, "restart": 0.2, "refresh_every": 100}
    sampler = RandomWalkBatchSampler(n, BATCH, **settings, warmup_epochs=0, bank_dtype=dtype)
    row: dict[str, object] = {"instances": n, "dim": DIM, "neighbors": NEIGHBORS, "bank": dtype}
    begun = time.perf_counter()
    rng = np.random.default_rng(0)
    for start in range(0, n, CHUNK):
        rows = np.arange(start, min(start + CHUNK, n))
        sampler.update(rows, rng.normal(size=(len(rows), DIM)).astype(np.float32))
    row |= {"fill_s": time.perf_counter() - begun, "fill_gib": peak_bytes() / 2**30}
    batches = iter(sampler)
    for name in ("build", "rebuild"):
        begun = time.perf_counter()
        batch = next(batches)
        row |= {f"{name}_s": time.perf_counter() - begun, f"{name}_gib": peak_bytes() / 2**30}
        begun = time.perf_counter()
        for _ in range(99):
            sampler.update(batch, rng.normal(size=(BATCH, DIM)).astype(np.float32))
            batch = next(batches)
        row["batch_ms"] = (time.perf_counter() - begun) / 99 * 1000
    assert sampler._builds == 2, "the graph was built twice"
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in row.items()}


def main() -> None:
    """Measure, print, add to the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__.partition("\n")[0])
    parser.add_argument("--instances", type=int, default=10_000_000)
    parser.add_argument("--dtype", choices=list(DTYPES), default="float32")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # points without structure make batches as easy as a shuffle
    row = pd.DataFrame([grown(options.instances, options.dtype)])
    print(row.T.to_string(header=False))
    table = pd.concat([pd.read_csv(RESULTS), row]) if RESULTS.exists() else row
    table.drop_duplicates(["instances", "dim", "neighbors", "bank"], keep="last").to_csv(RESULTS, index=False)


if __name__ == "__main__":
    main()
