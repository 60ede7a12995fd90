"""Every way to choose batches, on the same data: the cost of planning an epoch, and measures of its batches.

``python -m benchmarks.rivals`` adds rows to results/rivals.csv, those that are there are not measured again. Each runs
in a process of its own. ``--instances 1000000`` is as large as it goes within an hour or two.
"""

import argparse
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks import report
from benchmarks.engine import peak_bytes
from benchmarks.traversals import BreadthFirstBatchSampler, DepthFirstBatchSampler, NearestWalkBatchSampler
from toolkit.metrics import batch_hardness, batch_variety, false_negative_rate, loss_gap
from toolkit.samplers import SAMPLERS, BatchSampler
from toolkit.samplers.registry import SamplerKind

RESULTS = Path(__file__).parent / "results" / "rivals.csv"
KEY = ["instances", "dim", "batch_size", "sampler", "settings"]
DIM, BATCH, CHUNK = 128, 32, 65_536
FEW = 64  # batches whose loss gap and variety are measured, since that takes time in proportion to N
GRAPHS = [{"n_candidates": m, "n_neighbors": k} for m, k in ((2000, 20), (5000, 10), (1000, 100))]
PARTITION = {"coverage": "partition", "drop_last": True, "restart": 0.5}
KINDS = SAMPLERS | {
    "nearest_walk": SamplerKind("nearest_walk", "Walk on nearest", "#56B4E9", NearestWalkBatchSampler),
    "breadth_first": SamplerKind("breadth_first", "Breadth first", "#444444", BreadthFirstBatchSampler),
    "depth_first": SamplerKind("depth_first", "Depth first", "#999933", DepthFirstBatchSampler),
}
SETTINGS: dict[str, list[dict]] = {  # three for each sampler, one for the baseline
    "uniform": [{}],
    "random_walk": [*(graph | PARTITION for graph in GRAPHS[:2]), GRAPHS[2] | {"restart": 0.2}],
    "knn": [{"skip": skip} for skip in (0, 30, 100)],
    "cluster": [{"cluster_size": size} for size in (32, 16, 8)],
    "graph_partition": [
        {"n_neighbors": 100, "skip": skip, "cluster_size": c} for skip, c in ((30, 32), (0, 32), (30, 8))
    ],
    "bandwidth": [{"n_neighbors": k} for k in (100, 30, 10)],
    "chain": [{"n_candidates": m} for m in (1920, 640, 7680)],
    "neighborhood": [{"n_candidates": 32}, {"n_candidates": 128}, {"n_candidates": 32, "skip": 30}],
    "nearest_walk": [{"n_candidates": sys.maxsize, "n_neighbors": k} | PARTITION for k in (20, 10, 100)],
    "breadth_first": [graph | {"restart": 0.0} for graph in GRAPHS],
    "depth_first": [graph | {"restart": 0.0} for graph in GRAPHS],
}


def mixture(n: int, dim: int = DIM, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return n float32 points of n / 10 classes, which lie in clusters of about 50 classes, and their classes."""
    rng = np.random.default_rng(seed)
    n_classes = max(n // 10, 1)
    centres = rng.normal(size=(-(-n_classes // 50), dim)).astype(np.float32)
    classes = centres[np.arange(n_classes) // 50] + 0.7 * rng.normal(size=(n_classes, dim)).astype(np.float32)
    labels = rng.integers(n_classes, size=n)
    points = np.empty((n, dim), np.float32)
    for start in range(0, n, CHUNK):
        rows = slice(start, start + CHUNK)
        some = labels[rows]
        points[rows] = classes[some] + 0.9 * rng.standard_normal((len(some), dim), np.float32)
    return points, labels


def filled(name: str, points: np.ndarray, batch_size: int, settings: dict) -> BatchSampler:
    """Return a sampler that knows all points and has planned nothing yet."""
    kind = KINDS[name]
    whole = {"refresh_every": len(points), "warmup_epochs": 0} if kind.takes("refresh_every") else {}
    sampler = kind.make(len(points), batch_size, **whole | settings)
    for start in range(0, len(points), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(points)))
        sampler.update(rows, points[rows])
    return sampler


def measured(name: str, settings: dict, n: int, batch_size: int = BATCH) -> dict[str, object]:
    """Plan and draw an epoch; return its processor time, its memory on top of the embeddings, and what it is like."""
    points, labels = mixture(n)
    # Libraries are loaded and loops compiled before.
    list(filled(name, points[:2000], batch_size, settings))
    sampler = filled(name, points, batch_size, settings)
    Path("/proc/self/clear_refs").write_text("5")  # the peak from now on; Linux only
    before, begun = peak_bytes(), time.process_time()  # of all threads; waiting for other programs does not count
    batches = list(sampler)
    seconds, peak = time.process_time() - begun, peak_bytes() - before
    few = batches[:: max(len(batches) // FEW, 1)][:FEW]
    return {
        "instances": n,
        "dim": points.shape[1],
        "batch_size": batch_size,
        "sampler": name,
        "settings": written(settings),
        "threads": torch.get_num_threads(),
        "plan_s": round(seconds, 2),
        "peak_gib": round(peak / 2**30, 3),
        "hardness": round(batch_hardness(batches, points).value, 4),
        "false_negative_rate": round(false_negative_rate(batches, labels).value, 5),
        "loss_gap": round(loss_gap(few, points).value, 4),
        "variety": round(batch_variety(few, points).value, 2),
    }


def written(settings: dict) -> str:
    """Return settings as they stand in the table."""
    return ", ".join(f"{name}={value}" for name, value in settings.items() if value != sys.maxsize)


def missing(table: pd.DataFrame | None, n: int, samplers: list[str]) -> Iterator[tuple[str, dict]]:
    """Yield each sampler and settings that the table has no row of, the first settings of all samplers first."""
    known = set() if table is None else set(table[KEY].itertuples(index=False, name=None))
    every = [(place, name, settings) for name in samplers for place, settings in enumerate(SETTINGS[name])]
    for _, name, settings in sorted(every, key=lambda each: each[0]):
        if (n, DIM, BATCH, name, written(settings)) not in known:
            yield name, settings


def read(path: Path) -> pd.DataFrame:
    """Return the table in a file; no settings are an empty text."""
    return pd.read_csv(path, keep_default_na=False)


def apart(name: str, settings: dict, n: int) -> dict[str, object]:
    """Return what `measured` does in a process of its own."""
    code = f"from benchmarks.rivals import print_measured; print_measured({name!r}, {settings!r}, {n})"
    result = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(result.stdout.splitlines()[-1])


def print_measured(name: str, settings: dict, n: int) -> None:
    """Print what is measured as a line of JSON."""
    warnings.simplefilter("ignore")
    print(json.dumps(measured(name, settings, n)))


def markdown(table: pd.DataFrame) -> str:
    """Return the table as it stands in the README, one for each number of instances."""
    parts = []
    for n, rows in table.groupby("instances"):
        shown = pd.DataFrame(
            {
                "sampler": [KINDS[name].label for name in rows.sampler],
                "settings": rows.settings,
                "plan (processor s)": rows.plan_s.map("{:.1f}".format),
                "memory (GiB)": rows.peak_gib.map("{:.2f}".format),
                "hardness": rows.hardness.map("{:.3f}".format),
                "false negatives": rows.false_negative_rate.map("{:.2%}".format),
                "loss gap": rows.loss_gap.map("{:.2f}".format),
                "variety": rows.variety.map("{:.1f}".format),
            }
        )
        threads = ", ".join(map(str, sorted(set(rows.threads))))
        parts.append(f"N = {n:,}, d = {DIM}, B = {BATCH}; threads: {threads}\n\n{report.markdown(shown)}")
    return "\n\n".join(parts)


def main() -> None:
    """Measure what is missing, add it to the table, and refresh the README."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rivals", description=__doc__.partition("\n")[0])
    parser.add_argument("--instances", type=int, default=100_000)
    parser.add_argument("--samplers", nargs="+", choices=list(SETTINGS), default=list(SETTINGS), metavar="NAME")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="FILE")
    options = parser.parse_args()
    table = read(options.out) if options.out.exists() else None
    wanted = missing(table, options.instances, options.samplers)
    table = report.grow(options.out, table, (apart(*each, options.instances) for each in wanted))
    if table is not None and options.out == RESULTS:
        report.refresh("rivals", markdown(table))


if __name__ == "__main__":
    main()
