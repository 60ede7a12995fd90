"""Graphs keep their index through torch_geometric's DataLoader."""

import copy

import pytest
import torch

pytest.importorskip("torch_geometric")

from torch_geometric.data import Data, HeteroData
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GCNConv, global_mean_pool

from toolkit import KNNBatchSampler, RandomWalkBatchSampler, UniformBatchSampler
from toolkit.integrations.torch_geometric import IndexedGraphs
from toolkit.models.losses import nt_xent

N, BATCH = 96, 16
WALK = {"n_candidates": 40, "n_neighbors": 8, "refresh_every": 3}
SAMPLERS = {
    "uniform": lambda: UniformBatchSampler(N, BATCH),
    "walk": lambda: RandomWalkBatchSampler(N, BATCH, **WALK),
    "partition": lambda: RandomWalkBatchSampler(N, BATCH, coverage="partition", **WALK),
    "knn": lambda: KNNBatchSampler(N, BATCH, refresh_every=3),
}


def make_graphs(n=N):
    """Return rings of different sizes; the first feature of each node is the number of its graph."""
    generator = torch.Generator().manual_seed(0)
    graphs = []
    for number in range(n):
        size = 3 + number % 5
        x = torch.randn(size, 4, generator=generator)
        x[:, 0] = number
        ring = torch.stack([torch.arange(size), torch.arange(size).roll(1)])
        graphs.append(Data(x=x, edge_index=torch.cat([ring, ring.flip(0)], dim=1), y=number % 3))
    return graphs


class Encoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = GCNConv(3, 16), GCNConv(16, 8)

    def forward(self, batch):
        x = torch.nn.functional.dropout(batch.x[:, 1:], 0.2)
        return global_mean_pool(self.second(self.first(x, batch.edge_index).relu(), batch.edge_index), batch.batch)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_training_sees_the_samplers_batches_and_fills_its_bank(name, workers):
    torch.manual_seed(0)
    sampler, drawn, seen, latest = SAMPLERS[name](), [], [], torch.full((N, 8), torch.nan)
    note = sampler._note
    sampler._note = lambda batch: (drawn.append(batch.tolist()), note(batch))
    model = Encoder()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    before = copy.deepcopy(model.state_dict())
    loader = DataLoader(IndexedGraphs(make_graphs()), batch_sampler=sampler, num_workers=workers)
    for _ in range(3):
        for batch in loader:
            z1, z2 = model(batch), model(batch)
            optimizer.zero_grad()
            nt_xent(z1, z2, 0.2).backward()
            optimizer.step()
            assert batch.row_id.tolist() == [int(graph.x[0, 0]) for graph in batch.to_data_list()]
            sampler.update(batch.row_id, z1)
            latest[batch.row_id] = z1.detach()
            seen.append(batch.row_id.tolist())
    assert seen == drawn
    assert len(seen) == 3 * len(sampler)
    assert not torch.equal(before["first.lin.weight"], model.state_dict()["first.lin.weight"])
    if name != "uniform":
        assert sampler.bank.complete
        torch.testing.assert_close(sampler.bank.vectors, torch.nn.functional.normalize(latest))
        assert not sampler.warming_up


def test_the_users_graphs_stay_as_they_are():
    graphs = make_graphs(4)
    indexed = IndexedGraphs(graphs)
    assert [indexed[i].row_id for i in range(4)] == [0, 1, 2, 3]
    assert indexed[-1].row_id == 3
    assert all("row_id" not in graph for graph in graphs)
    assert indexed[2].x is graphs[2].x, "nothing is copied"
    with pytest.raises(IndexError):
        indexed[4]


def test_heterogeneous_graphs_hold_it_too():
    graphs = []
    for number in range(5):
        graph = HeteroData()
        graph["author"].x, graph["paper"].x = torch.ones(2 + number, 3), torch.ones(4, 3)
        graph["author", "writes", "paper"].edge_index = torch.zeros(2, 1, dtype=torch.int64)
        graphs.append(graph)
    batch = next(iter(DataLoader(IndexedGraphs(graphs), batch_sampler=[[4, 0, 3]])))
    assert batch.row_id.tolist() == [4, 0, 3]


@pytest.mark.parametrize("attribute", ["index", "row_index", "edge_index", "batch", "ptr", "num_nodes", "to"])
def test_an_attribute_that_batching_changes_is_refused(attribute):
    with pytest.raises(ValueError, match=f"attribute must keep its values .* got {attribute!r}: .*; use 'row_id'"):
        IndexedGraphs(make_graphs(4), attribute)


def test_what_is_refused_would_be_wrong():
    graphs = make_graphs(3)
    for graph, row in zip(graphs, (5, 9, 2), strict=True):
        graph.index = graph.row_id = row
    batch = next(iter(DataLoader(graphs, batch_size=3)))
    assert batch.row_id.tolist() == [5, 9, 2]
    assert batch.index.tolist() == [5, 9 + 3, 2 + 3 + 4], "the nodes of the graphs before are added"


def test_another_name_is_possible():
    batch = next(iter(DataLoader(IndexedGraphs(make_graphs(4), "place"), batch_sampler=[[3, 1]])))
    assert batch.place.tolist() == [3, 1]


def test_values_that_are_there_must_be_the_index():
    graphs = make_graphs(4)
    for number, graph in enumerate(graphs):
        graph.row_id = number
    assert IndexedGraphs(graphs)[3].row_id == 3
    part = IndexedGraphs([graphs[3], graphs[1]])
    with pytest.raises(ValueError, match="got 'row_id': graph 0 has 3 there, not its index; remove it, choose another"):
        part[0]
    with pytest.raises(ValueError, match="graph 1 has tensor"):
        IndexedGraphs(make_graphs(4), "x")[1]


def test_other_items_and_streams_are_refused():
    with pytest.raises(TypeError, match="items must be Data or HeteroData of torch_geometric, got tuple"):
        IndexedGraphs([(0, graph) for graph in make_graphs(2)])[0]

    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter(make_graphs(2))

    with pytest.raises(TypeError, match="got Stream: a stream has no indices, so it cannot have a batch sampler"):
        IndexedGraphs(Stream())
