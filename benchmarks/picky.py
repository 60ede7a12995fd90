"""Picky graphs at a lower cost: ways to find a few neighbours of many candidates, on the embeddings of one run.

usage: python -m benchmarks.picky [--steps N] [--quick]

A bag of word pieces learns the bundled dictionary. Every 1,000 steps each way builds its graph from the embeddings of
that moment; those that keep neighbours have a graph of their own from the time before. --quick is a small run that
leaves `benchmarks/README.md` alone.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader

from benchmarks import report
from toolkit import ProximityGraph, RandomWalkBatchSampler
from toolkit.datasets import pairs
from toolkit.engine.rules import crossed
from toolkit.metrics import batch_hardness
from toolkit.models import PairModel
from toolkit.models.text_encoders import static
from toolkit.proximity import partition_batches

BATCH, RESTART, EVERY, FIRST = 32, 0.5, 1000, 3000
CELL, EXTRA = 500, 500  # instances of a cell of k-means on average, and random candidates besides
Way = Callable[[torch.Tensor, ProximityGraph | None, int], ProximityGraph]


def built(n_candidates: int, n_neighbors: int, groups, fresh: float = 1.0) -> Way:
    """Return a way to build a graph of that size, or to rebuild the one before."""

    def way(vectors: torch.Tensor, before: ProximityGraph | None, seed: int) -> ProximityGraph:
        if before is not None and fresh < 1:
            return before.rebuilt(vectors, fresh=fresh, seed=seed)
        sizes = {"n_candidates": n_candidates, "n_neighbors": n_neighbors}
        return ProximityGraph.build(vectors, **sizes, paired=True, groups=groups, seed=seed)

    return way


def clustered(n_neighbors: int) -> Way:
    """Return a way that takes the instances of one cell of a k-means, and random ones, for candidates."""

    def way(vectors: torch.Tensor, before: ProximityGraph | None, seed: int) -> ProximityGraph:
        import faiss

        rows, seen = vectors.numpy(), crossed(vectors).numpy()
        n, rng = len(rows), np.random.default_rng(seed)
        cells = faiss.Kmeans(rows.shape[1], n // CELL, niter=5, spherical=True, seed=seed, max_points_per_centroid=32)
        cells.train(rows)
        members, anchors = (_by_cell(cells.index.search(side, 1)[1][:, 0], cells.k) for side in (rows, seen))
        neighbors, similarities = np.empty((n, n_neighbors), np.int32), np.empty((n, n_neighbors), np.float32)
        for some, inside in zip(anchors, members, strict=True):
            candidates = np.union1d(inside, rng.choice(n, EXTRA, replace=False))
            scores = seen[some] @ rows[candidates].T
            scores[candidates == some[:, None]] = -2
            best = np.argpartition(-scores, n_neighbors, axis=1)[:, :n_neighbors]
            neighbors[some], similarities[some] = candidates[best], np.take_along_axis(scores, best, 1)
        return ProximityGraph(neighbors, similarities, n_candidates=n - 1)

    return way


def _by_cell(cells: np.ndarray, n_cells: int) -> list[np.ndarray]:
    """Return the instances of each cell."""
    return np.split(np.argsort(cells, kind="stable"), np.cumsum(np.bincount(cells, minlength=n_cells))[:-1])


def look(vectors: torch.Tensor, graph: ProximityGraph, seed: int) -> dict[str, float]:
    """Return what a graph and the batches of its walks are like."""
    order = np.random.default_rng(seed).permutation(graph.n_nodes)
    queue, stats = partition_batches(graph, order, BATCH, restart=RESTART, seed=seed)
    whole = queue[: len(queue) // BATCH * BATCH].reshape(-1, BATCH)
    degrees = graph.in_degree_counts()
    return {
        "similarity of neighbours": float(graph.similarities.mean()),
        "hardness": batch_hardness(whole, *vectors.chunk(2, 1)).value,
        "in-degree cv": float(degrees.std() / degrees.mean()),
        "largest in-degree": float(degrees.max()),
        "nobody's neighbour": float((degrees == 0).mean()),
        "fresh seeds per batch": stats.reseeds / stats.batches,
    }


def measure(ways: dict[str, Way], steps: int) -> pd.DataFrame:
    """Train, and return a row for each way and look."""
    data = pairs.bundled()
    torch.manual_seed(0)
    model = PairModel(*(static(data.train.queries.tokenizer) for _ in range(2)), temperature=0.2)
    optimizer = torch.optim.SparseAdam(list(model.parameters()), lr=0.003)
    settings = {"n_candidates": 5000, "n_neighbors": 10, "restart": RESTART, "fresh": 0.2, "refresh_every": EVERY}
    sampler = RandomWalkBatchSampler(len(data.train), BATCH, coverage="partition", groups=data.train.groups, **settings)
    graphs, rows, step = {}, [], 0
    while step < steps:
        for index, queries, targets in DataLoader(data.train, batch_sampler=sampler, collate_fn=data.train.collate):
            loss, *embeddings = model(queries, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            sampler.update(index, *embeddings)
            step += 1
            if step >= min(FIRST, steps) and step % EVERY == 0:
                vectors = sampler.bank.vectors.clone()
                for name, way in ways.items():
                    began = time.process_time()
                    graphs[name] = way(vectors, graphs.get(name), step)
                    seconds = time.process_time() - began
                    rows.append({"way": name, "step": step, "seconds": seconds} | look(vectors, graphs[name], step))
            if step == steps:
                break
    return pd.DataFrame(rows)


def table(looks: pd.DataFrame, reference: str) -> str:
    """Return the means over all looks but the first, for which nothing had been kept, as Markdown."""
    later = looks[looks.step > looks.step.min()] if looks.step.nunique() > 1 else looks
    means = later.drop(columns="step").groupby("way", sort=False).mean()
    means["seconds"] /= means.seconds[reference]
    means = means.rename(columns={"seconds": "CPU time"})
    lines = ["| way | " + " | ".join(means.columns) + " |", "|---" * (1 + len(means.columns)) + "|"]
    lines += [f"| {name} | " + " | ".join(f"{value:.3g}" for value in row) + " |" for name, *row in means.itertuples()]
    return "\n".join(lines)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.picky", description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=9000, metavar="N", help="training steps (default: 9000)")
    parser.add_argument("--quick", action="store_true", help="two ways, no table in the README")
    options = parser.parse_args()
    torch.set_num_threads(1)
    groups = pairs.bundled().train.groups
    sizes = {"5,000 / 10": (5000, 10), "2,000 / 20": (2000, 20)}
    ways = {f"all drawn, {name}": built(*size, groups) for name, size in sizes.items()}
    if not options.quick:
        for name, size in sizes.items():
            ways |= {f"fresh = {fresh}, {name}": built(*size, groups, fresh) for fresh in (0.2, 0.1, 0.05)}
        ways["all drawn, 1,000 / 10"] = built(1000, 10, groups)
        ways[f"cells of {CELL} and {EXTRA} random, 10 neighbours"] = clustered(10)
    text = table(measure(ways, options.steps), next(iter(ways)))
    print(text)
    if not options.quick:
        report.refresh("picky", text)


if __name__ == "__main__":
    main()
