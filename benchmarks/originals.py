"""What an epoch's plan costs by each published algorithm as described, and by our sampler, on the same points.

``python -m benchmarks.originals`` adds rows to results/originals.csv, those that are there are not measured again. Each
row is one repeat: both plans in one process, on one thread.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.nn import functional as F

from benchmarks import published_plans, report, rivals
from benchmarks.engine import peak_bytes
from toolkit.metrics import batch_hardness

RESULTS = Path(__file__).parent / "results" / "originals.csv"
KEY = ["original", "instances", "repeat"]
SIZE = 100_000
WARM_UP = 2000  # instances of the plans that load libraries and compile loops
FEW = 512  # batches whose hardness is measured


@dataclass(frozen=True)
class Original:
    """A published algorithm: its name, its plan, our sampler and the settings of both, and the sizes to measure."""

    label: str
    plan: Callable[..., np.ndarray]
    sampler: str
    settings: dict = field(default_factory=dict)
    instances: tuple[int, ...] = (SIZE,)


ORIGINALS = {
    "batchsampler": Original(
        "BatchSampler",
        published_plans.proximity_walks,
        "random_walk",
        {"n_candidates": 1000, "n_neighbors": 100, "restart": 0.2},
    ),
    "knn": Original("kNN", published_plans.nearest_neighbors, "knn"),
    "ngame": Original("NGAME", published_plans.halved_clusters, "cluster", {"cluster_size": 32}),
    "cde": Original("CDE", published_plans.kmeans_clusters, "cluster", {"cluster_size": 32}),
    "b3": Original(
        "B3", published_plans.mutual_parts, "graph_partition", {"n_neighbors": 100, "skip": 30, "cluster_size": 32}
    ),
    "gcbs": Original("GCBS", published_plans.banded, "bandwidth", {"n_neighbors": 100}, (10_000, 20_000)),
    "grit": Original("GRIT-VLP", published_plans.greedy_chains, "chain", {"n_candidates": 1920}),
    "sample4geo": Original(
        "Sample4Geo", published_plans.neighborhoods, "neighborhood", {"n_candidates": 32, "n_neighbors": 16}
    ),
}


def measured(name: str, n: int, repeat: int, batch_size: int = rivals.BATCH) -> dict[str, object]:
    """Plan an epoch by the original and by our sampler; return time, memory on top of the points, and hardness."""
    unit = F.normalize(torch.from_numpy(rivals.mixture(n)[0])).numpy()
    for work in plans(name, unit[:WARM_UP], batch_size, repeat).values():
        work()
    key = {"original": name, "instances": n, "repeat": repeat, "dim": unit.shape[1], "batch_size": batch_size}
    row = key | {"threads": torch.get_num_threads()}
    works = plans(name, unit, batch_size, repeat)
    for side in ("original", "ours")[:: -1 if repeat % 2 else 1]:  # in turns, so that neither is always second
        row |= {f"{side}_{what}": value for what, value in _measured_plan(works[side], unit).items()}
    return row


def plans(name: str, unit: np.ndarray, batch_size: int, seed: int) -> dict[str, Callable]:
    """Return what plans an epoch of unit rows as the original does and as our sampler does."""
    original = ORIGINALS[name]
    sampler = rivals.filled(original.sampler, unit, batch_size, original.settings | {"seed": seed})
    rng = np.random.default_rng(seed)
    return {
        "original": lambda: original.plan(unit, batch_size, rng, **original.settings).tolist(),
        "ours": lambda: list(sampler),
    }


def _measured_plan(work: Callable[[], list], unit: np.ndarray) -> dict[str, float]:
    """Return the processor and wall time of a plan in seconds, its peak memory in GiB, and its batches' hardness."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak from now on; Linux only
    memory, processor, begun = peak_bytes(), time.process_time(), time.perf_counter()
    batches = work()
    processor, seconds = time.process_time() - processor, time.perf_counter() - begun
    memory = peak_bytes() - memory
    few = batches[:: max(len(batches) // FEW, 1)]
    return {
        "cpu_s": round(processor, 3),
        "wall_s": round(seconds, 3),
        "peak_gib": round(memory / 2**30, 3),
        "hardness": round(batch_hardness(few, unit).value, 4),
    }


def missing(table: pd.DataFrame | None, originals: list[str], repeats: int) -> Iterator[tuple[str, int, int]]:
    """Yield the original, instances and repeat of each row that the table lacks, first repeats first."""
    known = set() if table is None else set(table[KEY].itertuples(index=False, name=None))
    for repeat in range(repeats):
        for name in originals:
            for n in ORIGINALS[name].instances:
                if (name, n, repeat) not in known:
                    yield name, n, repeat


def apart(name: str, n: int, repeat: int) -> dict[str, object]:
    """Return what `measured` does in a process of its own, which has one thread."""
    code = f"from benchmarks.originals import print_measured; print_measured({name!r}, {n}, {repeat})"
    alone = os.environ | {"OMP_NUM_THREADS": "1"}  # read when libraries are loaded
    result = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True, env=alone)
    return json.loads(result.stdout.splitlines()[-1])


def print_measured(name: str, n: int, repeat: int) -> None:
    """Print what is measured as a line of JSON."""
    warnings.simplefilter("ignore")
    print(json.dumps(measured(name, n, repeat)))


def markdown(table: pd.DataFrame) -> str:
    """Return the table as it stands in the README, and how the times grow where there are several sizes."""
    order = [(name, n) for name, original in ORIGINALS.items() for n in original.instances]
    groups = dict(list(table.groupby(["original", "instances"])))
    shown = pd.DataFrame([_line(*key, groups[key]) for key in order if key in groups])
    several = [(name, rows) for name, rows in table.groupby("original") if rows.instances.nunique() > 1]
    return "\n\n".join([report.markdown(shown), *(_growth(name, rows) for name, rows in several)])


def _line(name: str, n: int, rows: pd.DataFrame) -> dict[str, str]:
    """Return a line of the table: medians over repeats, and the range of the ratios."""
    original, median = ORIGINALS[name], rows.median(numeric_only=True)
    return {
        "original": original.label,
        "ours": rivals.KINDS[original.sampler].label,
        "settings": rivals.written(original.settings),
        "N": f"{n:,}",
        "repeats": str(len(rows)),
        "original, processor s": f"{median.original_cpu_s:.1f}",
        "ours, processor s": f"{median.ours_cpu_s:.1f}",
        "ratio of processor time": _ratio(rows.original_cpu_s / rows.ours_cpu_s),
        "ratio of wall time": _ratio(rows.original_wall_s / rows.ours_wall_s),
        "memory, GiB": f"{median.original_peak_gib:.2f} / {median.ours_peak_gib:.2f}",
        "hardness": f"{median.original_hardness:.3f} / {median.ours_hardness:.3f}",
    }


def _ratio(ratios: pd.Series) -> str:
    """Return the median of ratios and, if there are several, their range."""
    several = f" ({ratios.min():.3g} to {ratios.max():.3g})" if len(ratios) > 1 else ""
    return f"{ratios.median():.3g}{several}"


def _growth(name: str, rows: pd.DataFrame) -> str:
    """Return how the cost of a plan grows from the smallest to the largest size, and what memory that makes of more."""
    median = rows.groupby("instances").median(numeric_only=True)
    small, large = median.index.min(), median.index.max()
    power = np.log(median.loc[large] / median.loc[small]) / np.log(large / small)
    memory = median.original_peak_gib[large] * (SIZE / large) ** power.original_peak_gib
    return (
        f"Growth from N = {small:,} to {large:,}. {ORIGINALS[name].label}: processor time as "
        f"N^{power.original_cpu_s:.2f}, memory as N^{power.original_peak_gib:.2f}, which makes {memory:.0f} GiB at "
        f"N = {SIZE:,}. Ours: N^{power.ours_cpu_s:.2f}."
    )


def main() -> None:
    """Measure what is missing, add it to the table, and refresh the README."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.originals", description=__doc__.partition("\n")[0])
    parser.add_argument("--originals", nargs="+", choices=list(ORIGINALS), default=list(ORIGINALS), metavar="NAME")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="FILE")
    options = parser.parse_args()
    table = pd.read_csv(options.out) if options.out.exists() else None
    wanted = missing(table, options.originals, options.repeats)
    table = report.grow(options.out, table, (apart(*key) for key in wanted))
    if table is not None and options.out == RESULTS:
        report.refresh("originals", markdown(table))


if __name__ == "__main__":
    main()
