"""Losses of lightly and pytorch-metric-learning in a loop with the samplers, as they are."""

import copy
from functools import partial

import pytest
import torch
from ranks import run_ranks
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

from toolkit import KNNBatchSampler, RandomWalkBatchSampler
from toolkit.datasets import Indexed
from toolkit.models.losses import gathered, nt_xent

N, BATCH, EPOCHS = 96, 16, 3
POINTS = torch.randn(N, 12, generator=torch.Generator().manual_seed(0))
LIGHTLY = ("NTXentLoss", "DCLLoss", "VICRegLoss", "BarlowTwinsLoss")
METRIC_LEARNING = ("NTXentLoss", "SupConLoss", "MultiSimilarityLoss", "TripletMarginLoss")
GATHERED = {"lightly": LIGHTLY[:3], "metric learning": METRIC_LEARNING[:2]}
SAMPLERS = {
    "walk": lambda: RandomWalkBatchSampler(N, BATCH, n_candidates=40, n_neighbors=8, refresh_every=3),
    "knn": lambda: KNNBatchSampler(N, BATCH, refresh_every=3),
}


def of_lightly(name):
    """Return a loss of two views."""
    return getattr(pytest.importorskip("lightly.loss"), name)()


def of_metric_learning(name):
    """Return a loss of two views."""
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    return losses.SelfSupervisedLoss(getattr(losses, name)())


def train(sampler, dataset, loss, unpack):
    """Train for some epochs; check that batches are the sampler's and its bank holds the embeddings of each."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(12, 32), torch.nn.ReLU(), torch.nn.Linear(32, 8))
    before, optimizer = copy.deepcopy(model.state_dict()), torch.optim.Adam(model.parameters(), lr=1e-2)
    drawn, seen, latest, values = [], [], torch.full((N, 8), torch.nan), []
    note = sampler._note
    sampler._note = lambda batch: (drawn.append(batch.tolist()), note(batch))
    loader = DataLoader(dataset, batch_sampler=sampler)
    for _ in range(EPOCHS):
        for batch in loader:
            index, view1, view2 = unpack(batch)
            z1, z2 = model(view1), model(view2)
            value = loss(z1, z2, index)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            sampler.update(index, z1)
            latest[index] = z1.detach()
            seen.append(index.tolist())
            values.append(value.item())
    assert seen == drawn
    assert len(seen) == EPOCHS * len(sampler)
    assert sampler.bank.complete
    torch.testing.assert_close(sampler.bank.vectors, F.normalize(latest))
    assert not sampler.warming_up
    assert torch.tensor(values).isfinite().all()
    assert all(not torch.equal(before[name], value) for name, value in model.state_dict().items())


class Points(Dataset):
    """Points with a class, and a transform, as sets of torchvision have one."""

    def __len__(self):
        return N

    def __getitem__(self, index):
        return self.transform(POINTS[index]), index % 3


def noisy(points):
    return points + 0.1 * torch.randn(points.shape)


def of_points(batch):
    index, points = batch
    assert torch.equal(points, POINTS[index])
    return index, noisy(points), noisy(points)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("name", LIGHTLY)
def test_losses_of_lightly(name, sampler):
    loss = of_lightly(name)
    train(SAMPLERS[sampler](), Indexed(TensorDataset(POINTS)), lambda z1, z2, index: loss(z1, z2), of_points)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("name", METRIC_LEARNING)
def test_losses_of_pytorch_metric_learning(name, sampler):
    loss = of_metric_learning(name)
    train(SAMPLERS[sampler](), Indexed(TensorDataset(POINTS)), lambda z1, z2, index: loss(z1, z2), of_points)


@pytest.mark.parametrize("name", METRIC_LEARNING)
def test_the_index_serves_as_the_labels_of_pytorch_metric_learning(name):
    loss = getattr(pytest.importorskip("pytorch_metric_learning.losses"), name)()
    train(
        SAMPLERS["walk"](),
        Indexed(TensorDataset(POINTS)),
        lambda z1, z2, index: loss(torch.cat([z1, z2]), index.repeat(2)),
        of_points,
    )


def test_a_data_set_of_lightly_is_wrapped():
    """Its items are views, class and file name, without an index."""
    LightlyDataset = pytest.importorskip("lightly.data").LightlyDataset
    inner = LightlyDataset.from_torch_dataset(Points(), transform=lambda point: [noisy(point), noisy(point)])
    loss = of_lightly("NTXentLoss")

    def unpack(batch):
        index, (view1, view2), labels, names = batch
        assert labels.tolist() == (index % 3).tolist()
        assert list(names) == [inner.index_to_filename(inner.dataset, i) for i in index.tolist()]
        assert (view1 - POINTS[index]).abs().max() < 1
        return index, view1, view2

    train(SAMPLERS["walk"](), Indexed(inner), lambda z1, z2, index: loss(z1, z2), unpack)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_nt_xent_is_the_same_everywhere(temperature):
    view1, view2 = torch.randn(2, 20, 8, generator=torch.Generator().manual_seed(1))
    expected = nt_xent(view1, view2, temperature).item()
    lightly = pytest.importorskip("lightly.loss").NTXentLoss(temperature)
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    metric = losses.SelfSupervisedLoss(losses.NTXentLoss(temperature))
    assert lightly(view1, view2).item() == pytest.approx(expected, rel=1e-5)
    assert metric(view1, view2).item() == pytest.approx(expected, rel=1e-5)


def made(library, name):
    return (of_lightly if library == "lightly" else of_metric_learning)(name)


def by_index(name):
    """Return a loss of embeddings and labels."""
    return getattr(pytest.importorskip("pytorch_metric_learning.losses"), name)()


def gradients(rank, n_ranks):
    """Return losses and the gradients of a layer, by name, of this process's slice of one batch, with `gathered`."""
    part, results = slice(rank * BATCH // n_ranks, (rank + 1) * BATCH // n_ranks), {}
    index = torch.arange(BATCH)[part] * 3  # any numbers of instances
    views = POINTS[:BATCH][part].double(), (POINTS[:BATCH] + 0.3)[part].double()
    cases = {f"{library} {name}": partial(made, library, name) for library, names in GATHERED.items() for name in names}
    for name, make in cases.items():
        layer, loss = fixed_layer(), gathered(make())
        results[name] = gradient(layer, loss(*map(layer, views)))
    for name in GATHERED["metric learning"]:
        layer, loss = fixed_layer(), gathered(by_index(name))
        both = [torch.stack(pair) for pair in zip(*map(layer, views), strict=True)]  # two rows for each instance
        results[f"{name} by index"] = gradient(layer, loss(torch.cat(both), index.repeat_interleave(2)))
    return results


def fixed_layer():
    torch.manual_seed(0)
    return torch.nn.Linear(12, 8).double()


def gradient(layer, loss):
    loss.backward()
    return loss.item(), layer.weight.grad


def of_this_process():
    return gradients(torch.distributed.get_rank(), torch.distributed.get_world_size())


def test_gathered_gives_the_loss_of_the_whole_batch():
    for module in ("lightly", "pytorch_metric_learning"):
        pytest.importorskip(module)
    whole, parts = gradients(0, 1), run_ranks(of_this_process)
    for name, (loss, expected) in whole.items():
        assert [part[name][0] for part in parts] == pytest.approx([loss] * 2, rel=1e-9), name
        mean = sum(part[name][1] for part in parts) / 2  # what DistributedDataParallel makes of them
        torch.testing.assert_close(mean, expected, rtol=1e-7, atol=1e-9, msg=lambda text, name=name: f"{name}: {text}")
