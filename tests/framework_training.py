"""A small training that each framework's tests do: its model, its data, and the plain loop as their oracle."""

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from toolkit import KNNBatchSampler, RandomWalkBatchSampler, UniformBatchSampler
from toolkit.models.losses import gathered, nt_xent

N, BATCH, DIM, LENGTH = 96, 8, 6, 12  # instances, batch, dimensions, batches per epoch
WALK = {"n_candidates": 40, "n_neighbors": 5, "restart": 0.2, "refresh_every": 5}
KINDS = {
    "independent": lambda: RandomWalkBatchSampler(N, BATCH, **WALK),
    "partition": lambda: RandomWalkBatchSampler(N, BATCH, **WALK, coverage="partition", drop_last=True),
    "background": lambda: RandomWalkBatchSampler(N, BATCH, **WALK, refresh="background"),
    "knn": lambda: KNNBatchSampler(N, BATCH, refresh_every=5),
    "uniform": lambda: UniformBatchSampler(N, BATCH),
}


class Views(Dataset):
    """Items (index, view, other view), always the same."""

    def __init__(self):
        generator = torch.Generator().manual_seed(1)
        centres = torch.randn(12, DIM, generator=generator, dtype=torch.float64).repeat(N // 12, 1)
        self.views = centres + 0.5 * torch.randn(2, N, DIM, generator=generator, dtype=torch.float64)

    def __len__(self):
        return N

    def __getitem__(self, index):
        return index, self.views[0, index], self.views[1, index]


class Encoder(nn.Module):
    """A linear map; returns the loss of a batch (of all processes' slices), and the embeddings."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(DIM, 4, dtype=torch.float64)

    def forward(self, first, second):
        first, second = self.layer(first), self.layer(second)
        return gathered(nt_xent)(first, second), first.detach()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)


def drawn_ahead(loader):
    """Yield what the loader does, each item when the next one is drawn."""
    items = iter(loader)
    item = next(items)
    for later in items:
        yield item
        item = later
    yield item


def plain_training(kind, n_epochs, workers=0, draw=iter):
    """Return the batches of a plain training, its weights and embeddings at the end; `draw` iterates over a loader."""
    sampler, model = KINDS[kind](), Encoder()
    optimizer, drawn = make_optimizer(model), []
    loader = DataLoader(Views(), batch_sampler=sampler, num_workers=workers)
    for _ in range(n_epochs):
        for index, first, second in draw(loader):
            loss, embeddings = model(first, second)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            sampler.update(index, embeddings)
            drawn.append(index.tolist())
    return drawn, model.layer.weight.detach(), getattr(sampler, "bank", None)
