"""Trainings with loaders of other libraries that need no adapter, for their tests and the processes that they start."""

import io

import torch
import torch.distributed as dist
from datasets import Dataset
from framework_training import KINDS, LENGTH, Encoder, N, Views, make_optimizer
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader as GraphLoader
from torchdata.stateful_dataloader import StatefulDataLoader

from toolkit.datasets import Indexed
from toolkit.integrations.torch_geometric import IndexedGraphs
from toolkit.samplers import DistributedBatches


def rows():
    """Return the views as a data set of Hugging Face."""
    first, second = Views().views.numpy()
    dataset = Dataset.from_dict({"first": first, "second": second}).with_format("torch", dtype=torch.float64)
    return Indexed(dataset, column="index")


def graphs():
    """Return graphs of two nodes, the views of an instance."""
    edges = torch.tensor([[0, 1], [1, 0]])
    return IndexedGraphs([Data(x=Views().views[:, row], edge_index=edges) for row in range(N)])


LOADERS = {  # loaders, and what makes (index, view, other view) of their batches
    "datasets": (
        lambda **settings: DataLoader(rows(), **settings),
        lambda batch: map(batch.get, ("index", "first", "second")),
    ),
    "torch_geometric": (
        lambda **settings: GraphLoader(graphs(), **settings),
        lambda batch: (batch.row_id, batch.x[::2], batch.x[1::2]),
    ),
    "torchdata": (lambda **settings: StatefulDataLoader(Views(), **settings), lambda batch: batch),
}


def run(name, sampler, n_batches, *, workers=0, save=(), resume=None, **settings):
    """Train; return the batches, what was saved after some numbers of them, and the weights; or go on with such."""
    make, unpack = LOADERS[name]
    model, drawn, saved = Encoder(), [], {}
    network = DistributedDataParallel(model) if dist.is_initialized() else model
    optimizer, loader = make_optimizer(model), make(batch_sampler=sampler, num_workers=workers, **settings)
    batches = loader if name == "torchdata" else sampler  # what keeps the place
    trained = 0
    if resume is not None:
        state = torch.load(io.BytesIO(resume), weights_only=True)
        batches.load_state_dict(state["batches"])
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        trained = state["trained"]
    while len(drawn) < n_batches:
        for batch in loader:
            index, *views = unpack(batch)
            loss, embeddings = network(*views)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            sampler.update(index, embeddings)
            drawn.append(index.tolist())
            trained += 1
            if len(drawn) in save:
                place = batches.state_dict() if batches is loader else batches.state_dict(trained)
                parts = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
                file = io.BytesIO()
                torch.save(parts | {"batches": place, "trained": trained % LENGTH}, file)
                saved[len(drawn)] = file.getvalue()
        trained = 0
    return drawn, saved, model.layer.weight.detach()


def all_shared(n_batches, save):
    """Train with each loader in this process and the others, with workers; go on with states; return what was seen."""
    found = {}
    for name in LOADERS:
        sampler = DistributedBatches(KINDS["independent"]())
        drawn, saved, weights = run(name, sampler, n_batches, workers=2, save=save)
        rests = {}
        for number, state in saved.items():
            resumed = DistributedBatches(KINDS["independent"]())
            rests[number] = run(name, resumed, n_batches - number, workers=2, resume=state)[0]
        found[name] = drawn, rests, weights, sampler.planner
    return found
