"""Small random graphs for tests: some of one node, some without edges."""

import numpy as np
import torch
from torch_geometric.data import Batch, Data

from toolkit.datasets.graphs import Graphs


def make_graph(rng, n_nodes, density=0.3, n_features=4):
    """Return an undirected graph without self-loops."""
    upper = np.triu(rng.random((n_nodes, n_nodes)) < density, 1)
    ends = torch.from_numpy(np.argwhere(upper | upper.T).T.copy())
    return Data(x=torch.from_numpy(rng.normal(size=(n_nodes, n_features))).float(), edge_index=ends)


def make_graphs(seed=0, n_graphs=12, n_features=4, largest=12):
    """Return `n_graphs` graphs; the first has one node, the second no edge."""
    rng = np.random.default_rng(seed)
    first = [make_graph(rng, 1, n_features=n_features), make_graph(rng, 5, 0, n_features)]
    sizes = rng.integers(1, largest + 1, max(n_graphs - 2, 0))
    rest = [make_graph(rng, int(n), rng.uniform(0.1, 0.9), n_features) for n in sizes]
    return (first + rest)[:n_graphs]


def make_batch(seed=0, **settings):
    return Batch.from_data_list(make_graphs(seed, **settings))


def make_set(seed=0, n_graphs=12, **settings):
    return Graphs(make_graphs(seed, n_graphs, **settings), np.arange(n_graphs) % 2, ("even", "odd"))
