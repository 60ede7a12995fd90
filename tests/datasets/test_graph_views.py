"""Changes of graphs: every graph stays a graph, and each is changed as much as it says."""

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from random_graphs import make_batch, make_graphs
from scipy import stats
from torch_geometric.data import Batch

from toolkit.datasets.graph_views import KINDS, GraphAugmentation, random_mask, rewire, walk

SEEDS = st.integers(0, 10_000)
RATIOS = st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.9])


def edges_of(batch):
    return set(map(tuple, batch.edge_index.T.tolist()))


def augmented(seed, kinds, ratio=0.2):
    torch.manual_seed(seed)
    batch = make_batch(seed)
    return batch, GraphAugmentation(kinds, ratio)(batch)


@given(seed=SEEDS, ratio=RATIOS, kinds=st.lists(st.sampled_from(KINDS), min_size=1, unique=True))
def test_graphs_stay_valid(seed, ratio, kinds):
    batch, changed = augmented(seed, tuple(kinds), ratio)
    assert changed.num_graphs == batch.num_graphs
    sizes = changed.ptr.diff()
    assert (sizes >= 1).all(), "no empty graph"
    assert (sizes <= batch.ptr.diff()).all()
    assert changed.batch.tolist() == np.repeat(np.arange(batch.num_graphs), sizes).tolist()
    assert len(changed.x) == len(changed.batch) == len(changed.origin) == changed.ptr[-1]
    assert (changed.batch == batch.batch[changed.origin]).all(), "nodes stay in their graphs"
    assert len(changed.origin.unique()) == len(changed.origin)
    source, target = changed.edge_index
    if len(source):
        assert 0 <= changed.edge_index.min() <= changed.edge_index.max() < len(changed.x), "no edge to a dropped node"
    assert (changed.batch[source] == changed.batch[target]).all(), "no edge between graphs"
    assert (source != target).all()
    edges = edges_of(changed)
    assert len(edges) == len(source), "no edge twice"
    assert edges == {(b, a) for a, b in edges}, "both ways"


@given(seed=SEEDS, ratio=RATIOS, kind=st.sampled_from(KINDS))
def test_the_batch_given_does_not_change(seed, ratio, kind):
    before = make_batch(seed)
    batch, _ = augmented(seed, (kind,), ratio)
    assert torch.equal(batch.x, before.x)
    assert torch.equal(batch.edge_index, before.edge_index)


@given(seed=SEEDS, ratio=RATIOS)
def test_dropped_nodes_are_as_many_as_said_and_their_edges_with_them(seed, ratio):
    batch, changed = augmented(seed, ("nodes",), ratio)
    sizes = batch.ptr.diff().numpy()
    assert (changed.ptr.diff().numpy() == sizes - np.floor(ratio * sizes)).all()
    kept = set(changed.origin.tolist())
    expected = {(a, b) for a, b in edges_of(batch) if a in kept and b in kept}
    origin = changed.origin.tolist()
    assert {(origin[a], origin[b]) for a, b in edges_of(changed)} == expected
    assert torch.equal(changed.x, batch.x[changed.origin])


@given(seed=SEEDS, ratio=RATIOS)
def test_masked_attributes_are_as_many_as_said(seed, ratio):
    batch, changed = augmented(seed, ("attributes",), ratio)
    assert edges_of(changed) == edges_of(batch)
    rows = (changed.x != batch.x).any(1)
    found = torch.zeros(batch.num_graphs).index_add(0, batch.batch, rows.float()).numpy()
    assert (found == np.floor(ratio * batch.ptr.diff().numpy())).all()


@given(seed=SEEDS, ratio=RATIOS)
def test_replaced_edges_are_as_many_as_said(seed, ratio):
    batch, changed = augmented(seed, ("edges",), ratio)
    assert torch.equal(changed.x, batch.x)
    before, after = edges_of(batch), edges_of(changed)
    for graph in range(batch.num_graphs):
        old, new = ({(a, b) for a, b in edges if a < b and batch.batch[a] == graph} for edges in (before, after))
        n_replaced = int(ratio * len(old))
        assert len(old) - n_replaced <= len(new) <= len(old), "what is added may be there already"
        assert len(old - new) <= n_replaced
        assert len(new - old) <= n_replaced


@given(seed=SEEDS, ratio=RATIOS)
def test_subgraphs_are_connected_and_no_larger_than_said(seed, ratio):
    batch, changed = augmented(seed, ("subgraph",), ratio)
    sizes = batch.ptr.diff().numpy()
    assert (changed.ptr.diff().numpy() <= np.minimum(sizes, np.floor(ratio * sizes) + 1)).all()
    assert n_components(changed) == [1] * batch.num_graphs
    origin = changed.origin.tolist()
    kept = set(origin)
    assert {(origin[a], origin[b]) for a, b in edges_of(changed)} == {
        (a, b) for a, b in edges_of(batch) if a in kept and b in kept
    }


def n_components(batch):
    """Return the number of connected components of each graph."""
    whole = nx.Graph(list(edges_of(batch)))
    whole.add_nodes_from(range(len(batch.x)))
    graph_of = [int(batch.batch[next(iter(nodes))]) for nodes in nx.connected_components(whole)]
    return np.bincount(graph_of, minlength=batch.num_graphs).tolist()


def test_each_graph_has_its_own_kind():
    # 4,000 graphs of five nodes lose two of them, or stay, with equal probability.
    torch.manual_seed(0)
    batch = Batch.from_data_list(make_graphs(n_graphs=2)[1:] * 4000)
    changed = GraphAugmentation(("nodes", "attributes"), 0.4)(batch)
    sizes = changed.ptr.diff()
    assert set(sizes.tolist()) == {3, 5}
    assert stats.binomtest(int((sizes == 3).sum()), 4000, 0.5).pvalue > 0.001


def test_draws_are_uniform_within_groups():
    torch.manual_seed(0)
    group = torch.tensor([0, 1, 1, 0, 1, 1, 0])  # members of a group need not stand together
    total = sum(random_mask(group, torch.tensor([1, 2])).long() for _ in range(4000))
    for members, expected in (([0, 3, 6], 4000 / 3), ([1, 2, 4, 5], 2000)):
        assert stats.chisquare(total[members].numpy(), [expected] * len(members)).pvalue > 0.001
    assert random_mask(group, torch.tensor([9, 0])).tolist() == (group == 0).tolist()


def test_walks_start_anywhere_and_reach_everything_on_a_ring():
    torch.manual_seed(0)
    ring = torch.tensor([[0, 1, 2, 3, 1, 2, 3, 0], [1, 2, 3, 0, 0, 1, 2, 3]])
    ptr = torch.tensor([0, 4])
    starts = sum(walk(ring, ptr, torch.tensor([1])).long() for _ in range(2000))
    assert stats.chisquare(starts.numpy()).pvalue > 0.001
    sizes = [int(walk(ring, ptr, torch.tensor([3])).sum()) for _ in range(200)]
    assert max(sizes) == 3
    assert min(sizes) >= 2, "a step always leaves the start"


def test_walks_do_not_leave_a_node_without_edges():
    edges = torch.tensor([[0, 1], [1, 0]])
    ptr = torch.tensor([0, 2, 3])  # the last node has no edge
    for _ in range(20):
        touched = walk(edges, ptr, torch.tensor([2, 5]))
        assert touched.tolist() == [True, True, True]


def test_only_the_share_of_chosen_graphs_is_rewired():
    torch.manual_seed(0)
    batch = make_batch(3)
    largest = int(batch.ptr.diff().argmax())
    ratio = torch.zeros(batch.num_graphs)
    ratio[largest] = 0.9
    changed = rewire(batch.edge_index, batch.batch, batch.ptr, ratio)
    elsewhere = batch.batch[changed[0]] != largest
    before = {edge for edge in edges_of(batch) if batch.batch[edge[0]] != largest}
    assert set(map(tuple, changed[:, elsewhere].T.tolist())) == before
    assert set(map(tuple, changed.T.tolist())) != edges_of(batch)


def test_same_seed_same_view():
    first, second = (augmented(7, KINDS)[1] for _ in range(2))
    assert torch.equal(first.x, second.x)
    assert torch.equal(first.edge_index, second.edge_index)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kinds": ()}, "kinds must name one or more"),
        ({"kinds": ("node",)}, "kinds must be one of 'nodes', 'edges', 'attributes', 'subgraph', got 'node'"),
        ({"ratio": 1.0}, r"ratio must be a number in \[0, 1\), got 1.0"),
        ({"ratio": -0.1}, "ratio must be"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        GraphAugmentation(**settings)
