"""Estimated false negatives compared with labels: how well they rank batches and settings, and how far off they are.

usage: python -m benchmarks.estimates [SET ...] [--batch-sizes B ...]

A model is trained on each data set with shuffled batches. Batches of all kinds, from a shuffle to nearest neighbours,
are then drawn on the embeddings that a sampler would have at that moment. Without SET, all of them are measured and the
table of `benchmarks/README.md` is written.
"""

import argparse
from collections.abc import Callable
from itertools import islice, product

import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr

from benchmarks import report
from toolkit import KNNBatchSampler, RandomWalkBatchSampler, UniformBatchSampler
from toolkit.datasets import graphs, pairs, text, vision
from toolkit.metrics import estimate_false_negatives, false_negative_rate
from toolkit.models import GraphCL, PairModel, SimCLR, SimCSE
from toolkit.models.graph_encoders import GIN
from toolkit.models.text_encoders import small_bert, static
from toolkit.training import train

BATCHES = 20  # of each setting
GRAPHS = ((1000, 300), (1000, 100), (1000, 20), (5000, 10))
RESTARTS = (0.1, 0.5)
Embedded = tuple[torch.Tensor, torch.Tensor, np.ndarray]


def embedded(model, dataset, steps: int, batch_size: int, labels, rate: float = 1e-3, sparse: bool = False) -> Embedded:
    """Train a model; return what a sampler then holds of each instance, both sides or views, and the labels."""
    optimizer = (torch.optim.SparseAdam if sparse else torch.optim.Adam)(list(model.parameters()), lr=rate)
    sampler = KNNBatchSampler(len(dataset), batch_size, warmup_epochs=steps, seed=0)  # shuffled batches, and a bank
    epoch = len(sampler)
    train(model, dataset, sampler, -(-steps // epoch) * epoch, optimizer=optimizer, progress=False)
    known = torch.from_numpy(np.flatnonzero(sampler.bank.known))
    return (*sampler.bank.vectors[known].chunk(2, 1), np.asarray(labels)[known])


def images() -> Embedded:
    """Embed Fashion-MNIST's bundled part by SimCLR."""
    data = vision.bundled()
    return embedded(SimCLR("tiny", temperature=0.2), data.views, 600, 128, data.views.labels)


def sentences() -> Embedded:
    """Embed the glosses by SimCSE."""
    data = text.bundled(max_length=16)
    encoder = small_bert(len(data.tokenizer), n_layers=1, width=128, dropout=0.1, positions=False)
    return embedded(SimCSE(encoder, pooling="mean", temperature=0.05), data, 600, 64, data.labels)


def molecules() -> Embedded:
    """Embed the molecules by GraphCL."""
    data = graphs.bundled()
    return embedded(GraphCL(GIN(data.n_features), temperature=0.2), graphs.GraphViews(data), 200, 64, data.labels, 0.01)


def definitions() -> Embedded:
    """Embed definitions and the words of their hypernyms by bags of word pieces; equal targets are one class."""
    data = pairs.bundled("hypernym").train
    towers = [static(data.queries.tokenizer) for _ in range(2)]
    return embedded(PairModel(*towers, temperature=0.2), data, 6000, 32, data.groups, 0.003, sparse=True)


SETS: dict[str, Callable[[], Embedded]] = {
    "images": images,
    "sentences": sentences,
    "molecules": molecules,
    "definitions": definitions,
}


def settings_of_batches(queries, targets, batch_size: int) -> list[list[list[int]]]:
    """Return batches of each setting: a shuffle, walks, nearest neighbours."""
    samplers = [UniformBatchSampler(len(queries), batch_size, seed=0)]
    known = {"targets": targets, "seed": 0}
    for (m, k), restart in product(GRAPHS, RESTARTS):
        sizes = {"n_candidates": min(m, len(queries) - 1), "n_neighbors": k, "restart": restart}
        samplers.append(RandomWalkBatchSampler.from_embeddings(queries, batch_size, **sizes, **known))
    samplers.append(KNNBatchSampler.from_embeddings(queries, batch_size, **known))
    return [list(islice(sampler, BATCHES)) for sampler in samplers]


def judge(name: str, data: Embedded, batch_size: int) -> list[dict]:
    """Return a line for each way to estimate."""
    queries, targets, labels = data
    settings = settings_of_batches(queries, targets, batch_size)
    batches = [batch for some in settings for batch in some]
    ends = np.cumsum([len(some) for some in settings])[:-1]
    true = np.nan_to_num(false_negative_rate(batches, labels).values)
    both = torch.cat([queries, targets], 1)
    ways = {"positives": (queries, targets), "clusters": (both, None)}
    lines = []
    for way, (embeddings, positives) in ways.items():
        found = estimate_false_negatives(batches, embeddings, positives).values
        of_settings = [[part.mean() for part in np.split(rates, ends)] for rates in (found, true)]
        lines.append(
            {
                "set": name,
                "B": batch_size,
                "by": way,
                "true rate": f"{true.mean():.3f}",
                "estimated": f"{found.mean():.3f}",
                "rank correlation, batches": f"{spearmanr(found, true).statistic:.2f}",
                "rank correlation, settings": f"{spearmanr(*of_settings).statistic:.2f}",
                "mean error, settings": f"{np.abs(np.subtract(*of_settings)).mean():.3f}",
            }
        )
    return lines


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.estimates", description=__doc__.partition("\n")[0])
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"any of {', '.join(SETS)} (default: all)")
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=[32, 128], metavar="B")
    options = parser.parse_args(arguments)
    unknown = set(options.sets) - set(SETS)
    if unknown:
        parser.error(f"SET must be any of {', '.join(SETS)}, got {', '.join(sorted(unknown))}")
    torch.set_num_threads(1)
    lines = []
    for name in options.sets or SETS:
        torch.manual_seed(0)
        data = SETS[name]()
        for batch_size in options.batch_sizes:
            lines += judge(name, data, batch_size)
            print(pd.DataFrame(lines[-2:]).to_string(), flush=True)
    if not options.sets:
        report.refresh("estimates", report.markdown(pd.DataFrame(lines)))


if __name__ == "__main__":
    main()
