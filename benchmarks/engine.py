"""Speed of the graph, the walks and the sampler, as ratios of timings taken side by side in one run.

usage: python -m benchmarks.engine [--quick] [--json FILE]

--quick    under a minute: two repeats, at most 320,000 instances, no table
--json     write the figures to a file

Without --quick, refreshes the table in `benchmarks/README.md`.
"""

import argparse
import json
import platform
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

from benchmarks import published, report
from benchmarks.report import Figure, ratio
from benchmarks.shares import shares
from toolkit import ProximityGraph
from toolkit.engine import linking, threads, top_k
from toolkit.metrics import batch_hardness
from toolkit.proximity import join_pairs, partition_batches, walk_batches

DIM, M, K, BATCH, RESTART = 128, 1000, 100, 256, 0.2
SMALL, MEDIUM, LARGE, IMAGENET = 20_000, 200_000, 320_000, 1_281_167


@lru_cache
def points(n: int) -> np.ndarray:
    """Return n random unit rows."""
    rows = np.random.default_rng(0).standard_normal((n, DIM), dtype=np.float32)
    for part in np.array_split(rows, 100):
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return rows


def bare_product(n: int) -> None:
    """Multiply as many numbers as a graph takes, one block in each thread at a time, and do nothing with them."""
    height = M // 2
    blocks = iter(range(-(-n // height)))

    def work() -> None:
        rows, candidates, scores = torch.ones(height, DIM), torch.ones(M, DIM), torch.empty(height, M)
        for _ in blocks:
            torch.mm(rows, candidates.T, out=scores)

    threads.run(work, threads.n_cores())


def graph_figures(repeats: int, largest: int) -> Iterator[Figure]:
    """Compare the graph with the published procedure and with the bare matrix product; fit the growth."""
    small = torch.from_numpy(points(SMALL))
    works = lambda: published.graph(small, M, K), lambda: ProximityGraph.build(small, n_candidates=M, n_neighbors=K)
    times = report.interleaved(*works, repeats=min(repeats, 3))
    yield ratio("graph_speedup_vs_published", times, ">= 150", f"published graph over ours, N = {SMALL:,}")
    yield over_product("graph_over_matmul", MEDIUM, "<= 1.3", repeats)
    if largest == IMAGENET:
        yield over_product("imagenet_graph_over_matmul", IMAGENET, "<= 3", 3)

    sizes = [size for size in (SMALL, 80_000, LARGE, IMAGENET) if size <= largest]
    works = [lambda n=n: ProximityGraph.build(points(largest)[:n], n_candidates=M, n_neighbors=K) for n in sizes]
    times = report.interleaved(*works, repeats=min(repeats, 3))
    meaning = f"x in time ~ N^x, N = {SMALL:,} to {largest:,}; {np.median(times[-1]):.1f} s"
    yield exponent("growth_exponent", sizes, times, "<= 1.05", meaning)


def thread_time(n: int) -> str:
    """Say what the threads spend their time on while they build a graph."""
    spent = Counter()

    def timed(name: str, work: Callable) -> Callable:
        def run(*arguments, **settings):
            began = time.perf_counter()
            try:
                return work(*arguments, **settings)
            finally:
                spent[name] += time.perf_counter() - began

        return run

    parts = {
        "product": (torch, "mm"),
        "selection": (top_k, "select_top_k"),
        "gathering": (linking, "_gather_unit"),
        "all": (linking, "_link_blocks"),
    }
    ProximityGraph.build(points(n), n_candidates=M, n_neighbors=K)
    with ExitStack() as stack:
        for name, (module, function) in parts.items():
            stack.enter_context(patch.object(module, function, timed(name, getattr(module, function))))
        ProximityGraph.build(points(n), n_candidates=M, n_neighbors=K)
    total = spent.pop("all")
    shares = ", ".join(f"{name} {seconds / total:.0%}" for name, seconds in spent.most_common())
    return f"Time of all threads in a graph of N = {n:,}: {shares}."


def over_product(key: str, n: int, target: str, repeats: int) -> Figure:
    """Compare a graph with its bare matrix product."""
    works = lambda: ProximityGraph.build(points(n), n_candidates=M, n_neighbors=K), lambda: bare_product(n)
    times = report.interleaved(*works, repeats=repeats)
    return ratio(key, times, target, f"graph over its matrix product alone, N = {n:,}")


def exponent(key: str, sizes: list[int], amounts: np.ndarray, target: str, meaning: str) -> Figure:
    """Fit x in amount ~ N^x; `amounts` has a row for each size."""
    slopes = np.polyfit(np.log(sizes), np.log(amounts), 1)[0]
    return Figure(key, np.median(slopes), slopes.min(), slopes.max(), target, meaning)


def rule_figures(repeats: int) -> Iterator[Figure]:
    """Compare graph, walks and partition with rules and without: pairs, a margin, skipped candidates, groups."""
    queries = points(MEDIUM)[:, : DIM // 2]
    vectors = join_pairs(queries, queries + 0.5 * points(MEDIUM)[:, DIM // 2 :])
    rules = {"paired": True, "margin": 0.95, "skip": 5, "groups": np.arange(MEDIUM) // 4}
    settings = {"n_candidates": 2000, "n_neighbors": 20}
    works = [lambda: ProximityGraph.build(vectors, **settings, **rules)]
    works.append(lambda: ProximityGraph.build(vectors, **settings))
    meaning = f"graph of pairs with groups, skip and margin over a plain one, M = 2,000, K = 20, N = {MEDIUM:,}"
    yield ratio("rules_over_plain_graph", report.interleaved(*works, repeats=repeats), "<= 1.15", meaning)
    graphs = [work() for work in works]
    starts, order = np.arange(2000), np.random.default_rng(0).permutation(MEDIUM)
    times = report.interleaved(*(lambda g=g: walk_batches(g, starts, BATCH) for g in graphs), repeats=repeats)
    yield ratio("groups_over_plain_walks", times, "", "walks on the first graph over walks on the second")
    times = report.interleaved(*(lambda g=g: partition_batches(g, order, BATCH) for g in graphs), repeats=repeats)
    yield ratio("groups_over_plain_partition", times, "", "the same for partitions")
    works[0] = lambda: graphs[1].rebuilt(vectors, fresh=0.2, seed=1)
    meaning = "a rebuild of the plain graph with fresh = 0.2 over a full build"
    yield ratio("fresh_over_whole_graph", report.interleaved(*works, repeats=repeats), "", meaning)


def walk_figures(repeats: int) -> Iterator[Figure]:
    """Compare the walk with the published procedure and with igraph's."""
    import igraph

    graph = ProximityGraph.build(points(SMALL), n_candidates=M, n_neighbors=K)
    starts = np.arange(1000)
    _, stats = walk_batches(graph, starts, BATCH, restart=RESTART)

    def ours() -> None:
        walk_batches(graph, starts, BATCH, restart=RESTART)

    def theirs() -> None:
        for start in range(10):
            published.walk(graph.neighbors, start, BATCH, RESTART)

    n_cores = torch.get_num_threads()
    torch.set_num_threads(1)
    times = report.interleaved(theirs, ours, repeats=repeats)
    meaning = "published walk over ours, a batch of 256"
    yield ratio("walk_speedup_vs_published", times, ">= 100", f"{meaning}, one thread", 100)
    per_step = times[1] / stats.steps
    rates = 1 / per_step
    meaning = f"one thread, N = {SMALL:,}"
    yield Figure("walk_steps_per_second", np.median(rates), rates.min(), rates.max(), "", meaning)

    links = igraph.Graph(n=SMALL, edges=_edges(graph), directed=True)
    steps = 100_000
    times = report.interleaved(lambda: links.random_walk(0, steps, mode="out"), ours, repeats=repeats)
    meaning = "a step of igraph's plain walk over one of ours, with restart and batch, one thread"
    yield ratio("walk_vs_igraph", times, "", meaning, stats.steps / steps)
    torch.set_num_threads(n_cores)
    times = report.interleaved(theirs, ours, repeats=repeats)
    yield ratio("walk_speedup_all_cores", times, ">= 180", f"the same on {n_cores} threads", 100)


def _edges(graph: ProximityGraph) -> np.ndarray:
    return np.column_stack([np.repeat(np.arange(graph.n_nodes), graph.n_neighbors), graph.neighbors.ravel()])


def partition_figures() -> Iterator[Figure]:
    """Show that a partition's late batches do not starve, and that its steps are linear in N."""
    from toolkit.datasets import vision

    pixels = vision.bundled().train.pixels.flatten(1).float()
    pixels -= pixels.mean(0)
    graph = ProximityGraph.build(pixels, n_candidates=M, n_neighbors=K)
    n_batches = graph.n_nodes // BATCH
    first, last = [], []
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(graph.n_nodes)
        queue, _ = partition_batches(graph, order, BATCH, restart=RESTART, seed=seed)
        batches = queue[: n_batches * BATCH].reshape(n_batches, BATCH)
        first.append(batch_hardness(batches[: n_batches // 5], pixels).value)
        last.append(batch_hardness(batches[-(n_batches // 5) :], pixels).value)
    each = np.array(last) / first
    meaning = "hardness of a partition's last fifth over its first, bundled images, mean over 20 seeds"
    yield Figure("partition_last_over_first", np.mean(last) / np.mean(first), each.min(), each.max(), "", meaning)

    sizes = [SMALL, 80_000, LARGE]
    steps = []
    for n in sizes:
        graph = ProximityGraph.build(points(LARGE)[:n], n_candidates=M, n_neighbors=K)
        _, stats = partition_batches(graph, np.arange(n), BATCH, restart=RESTART)
        steps.append([stats.steps])
    meaning = f"x in steps of a partition ~ N^x, N = {SMALL:,} to {LARGE:,}"
    yield exponent("partition_steps_exponent", sizes, np.array(steps), "", meaning)


def import_time(repeats: int) -> Figure:
    """Compare the imports of toolkit and torch, each in a new process."""

    def imported(name: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", f"import {name}"], check=True)

    times = report.interleaved(imported("toolkit"), imported("torch"), repeats=repeats)
    return ratio("import_over_torch", times, "<= 1.15", "`import toolkit` over `import torch`, process included")


def peak_memory(n: int) -> Figure:
    """Build a graph in a process of its own; compare what its memory grows by with the arrays."""
    code = f"from benchmarks.engine import print_peak; print_peak({n})"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    value = float(result.stdout)
    meaning = f"growth of peak memory over bytes of embeddings and graph, N = {n:,}"
    return Figure("peak_memory_over_arrays", value, value, value, "<= 1.25", meaning)


def print_peak(n: int) -> None:
    """Print how much the peak memory of this process grows by embeddings and graph, over their bytes."""
    ProximityGraph.build(points(3000), n_candidates=M, n_neighbors=K)  # libraries and compiled code are there before
    before = peak_bytes()
    graph = ProximityGraph.build(points(n), n_candidates=M, n_neighbors=K)
    arrays = points(n).nbytes + graph.neighbors.nbytes + graph.similarities.nbytes
    print((peak_bytes() - before) / arrays)


def peak_bytes() -> int:
    """Return the peak resident memory of this process; Linux only."""
    # getrusage would count the parent's, from before this program was started in the child.
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024


def measure(repeats: int, largest: int) -> Iterator[Figure]:
    """Yield all figures."""
    yield from graph_figures(repeats, largest)
    yield from rule_figures(repeats)
    yield from walk_figures(repeats)
    yield peak_memory(largest)
    yield from shares(repeats)
    yield import_time(repeats)
    yield from partition_figures()


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--quick", action="store_true", help="under a minute: two repeats, at most 320,000 instances, no table"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file")
    options = parser.parse_args()
    repeats, largest = (2, LARGE) if options.quick else (7, IMAGENET)
    setting = f"d = {DIM}, M = {M}, K = {K}, B = {BATCH}, restart {RESTART}"
    machine = f"{torch.get_num_threads()} threads, {platform.machine()}, torch {torch.__version__}"
    lines = [f"{setting}; {machine}.", "", "| key | figure | min to max | target | what |", "|---|---|---|---|---|"]
    figures = []
    print("\n".join(lines))
    for figure in measure(repeats, largest):
        spread = f"{figure.low:.3g} to {figure.high:.3g}"
        lines.append(f"| `{figure.key}` | {figure.value:.3g} | {spread} | {figure.target} | {figure.meaning} |")
        print(lines[-1], flush=True)
        figures.append(figure)
    lines += ["", *map(thread_time, (SMALL, MEDIUM))]
    print("\n".join(lines[-3:]))
    if options.json:
        options.json.write_text(json.dumps({figure.key: figure.value for figure in figures}, indent=2) + "\n")
    if not options.quick:
        report.refresh("engine", "\n".join(lines))


if __name__ == "__main__":
    main()
