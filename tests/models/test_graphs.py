"""GraphCL, MVGRL and their encoders."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import make_batch, make_set
from torch.nn import functional as F
from torch_geometric.data import Batch
from torch_geometric.nn import global_add_pool

from toolkit import RandomWalkBatchSampler
from toolkit.datasets.graphs import GraphViews
from toolkit.models import MVGRL, GraphCL
from toolkit.models.graph_encoders import GCN, GIN, sum_pool, weighted_edges
from toolkit.models.losses import dcl, hcl, jsd, nt_xent
from toolkit.training import train

SEEDS = st.integers(0, 1000)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return GraphCL(GIN(4), temperature=0.3)


@pytest.fixture
def mvgrl():
    torch.manual_seed(0)
    return MVGRL(4, width=8, n_layers=2)


def renumbered(graph, rng):
    """Return a graph with its nodes in another order, and its edges too."""
    order = torch.from_numpy(rng.permutation(graph.num_nodes))
    place = order.argsort()
    graph = graph.clone()
    graph.x = graph.x[order]
    graph.edge_index = place[graph.edge_index][:, torch.from_numpy(rng.permutation(graph.num_edges))]
    if "diffusion_index" in graph:
        graph.diffusion_index = place[graph.diffusion_index]
    return graph


# Encoders


@settings(max_examples=25)
@given(seed=SEEDS)
def test_gin_does_not_see_the_order_of_nodes_and_edges(seed):
    torch.manual_seed(seed)
    encoder = GIN(4).eval()
    graphs = make_set(seed).graphs
    again = [renumbered(graph, np.random.default_rng(seed)) for graph in graphs]
    first, second = (encoder(Batch.from_data_list(part)) for part in (graphs, again))
    torch.testing.assert_close(second, first, rtol=1e-4, atol=1e-4)


@settings(max_examples=25)
@given(seed=SEEDS)
def test_mvgrl_does_not_see_the_order_of_nodes_and_edges(seed):
    torch.manual_seed(seed)
    model = MVGRL(4, width=8, n_layers=2)
    graphs = make_set(seed).diffused().graphs
    again = [renumbered(graph, np.random.default_rng(seed)) for graph in graphs]
    first, second = (Batch.from_data_list(part) for part in (graphs, again))
    torch.testing.assert_close(model.encode(second), model.encode(first), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(model(second)[0], model(first)[0], rtol=1e-4, atol=1e-5)


def test_gin_is_sums_over_neighbours_layer_by_layer():
    torch.manual_seed(0)
    encoder, batch = GIN(4, width=5, n_layers=2).eval(), make_batch()
    adjacency = torch.eye(len(batch.x))
    adjacency[tuple(batch.edge_index)] = 1
    nodes, expected = batch.x, []
    for layer, norm in zip(encoder.layers, encoder.norms, strict=True):
        nodes = norm(F.relu(layer.nn(adjacency @ nodes)))
        expected.append(global_add_pool(nodes, batch.batch))
    torch.testing.assert_close(encoder(batch), torch.cat(expected, 1), rtol=1e-4, atol=1e-5)
    assert encoder.n_features == 10


def test_gcn_is_a_weighted_sum_layer_by_layer():
    torch.manual_seed(0)
    encoder, batch = GCN(4, width=5, n_layers=2), make_batch()
    weight = torch.rand(batch.num_edges)
    dense = torch.zeros(len(batch.x), len(batch.x))
    dense[batch.edge_index[1], batch.edge_index[0]] = weight
    nodes, sums = batch.x, []
    for layer, activation in zip(encoder.layers, encoder.activations, strict=True):
        nodes = activation(dense @ layer.lin(nodes) + layer.bias)
        sums.append(global_add_pool(nodes, batch.batch))
    edges = weighted_edges(batch.edge_index, weight, batch.num_nodes)
    found = encoder(batch.x, edges, batch.batch, batch.num_graphs)
    torch.testing.assert_close(found[0], nodes)
    torch.testing.assert_close(found[1], torch.cat(sums, 1))


def test_a_graph_without_nodes_sums_to_zero():
    pooled = sum_pool(torch.ones(3, 2), torch.tensor([0, 2, 2]), 4)
    assert pooled.tolist() == [[1, 1], [0, 0], [2, 2], [0, 0]]


def test_graphs_are_encoded_alone_as_in_a_batch(model, mvgrl):
    model.eval()
    data = make_set().diffused()
    for encode in (model.encode, mvgrl.encode):
        together = encode(data.batch(range(12)))
        alone = torch.cat([encode(data.batch([i])) for i in range(12)])
        torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("sizes", [{"in_features": 0}, {"width": 0}, {"n_layers": 0}])
@pytest.mark.parametrize("encoder", [GIN, GCN])
def test_bad_sizes_are_named(encoder, sizes):
    with pytest.raises(ValueError, match=f"{next(iter(sizes))} must be at least 1, got 0"):
        encoder(**{"in_features": 4, **sizes})


# GraphCL


def test_output_is_a_loss_and_one_embedding_per_graph(model):
    loss, embeddings = model(make_batch(1), make_batch(2))
    assert loss.shape == ()
    assert loss.requires_grad
    assert embeddings.shape == (12, 192)
    assert not embeddings.requires_grad
    for half in embeddings.chunk(2, dim=1):
        torch.testing.assert_close(half.norm(dim=1), torch.ones(12))


@pytest.mark.parametrize("loss", [nt_xent, dcl, hcl, partial(hcl, tau_plus=0.3, beta=0.5)])
def test_loss_compares_the_first_views_with_the_second_ones(model, loss):
    model.eval()
    model.loss = loss
    views = make_batch(1), make_batch(2)
    z1, z2 = map(model.project, views)
    assert model(*views)[0].item() == pytest.approx(loss(z1, z2, 0.3, within=False).item(), rel=1e-6)


def test_projection_is_the_head_on_the_encoder_and_any_encoder_will_do():
    encoder = GIN(4, width=6, n_layers=2).eval()
    model = GraphCL(encoder)
    batch = make_batch()
    torch.testing.assert_close(model.encode(batch), encoder(batch))
    torch.testing.assert_close(model.project(batch), model.head(encoder(batch)))


def test_training_with_the_sampler_lowers_the_loss():
    torch.manual_seed(0)
    data = make_set(n_graphs=60)
    model, views = GraphCL(GIN(4)), GraphViews(data)
    sampler = RandomWalkBatchSampler(60, 20, n_candidates=30, n_neighbors=15)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    history = train(model, views, sampler, 30, optimizer=optimizer, labels=data.labels, progress=False)
    losses = history.columns["loss"]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.1
    assert sampler.graph is not None


# MVGRL


def test_every_parameter_of_both_models_is_trained(model, mvgrl):
    batch = make_set().diffused().batch(range(12))
    model(batch, make_batch(1))[0].backward()
    mvgrl(batch)[0].backward()
    for name, parameter in [*model.named_parameters(), *mvgrl.named_parameters()]:
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


@settings(max_examples=25)
@given(seed=SEEDS)
def test_mvgrls_loss_is_unchanged_by_reordering_the_batch(seed):
    torch.manual_seed(seed)
    model, data = MVGRL(4, width=8, n_layers=2), make_set(seed).diffused()
    order = np.random.default_rng(seed).permutation(12)
    loss, embeddings = model(data.batch(range(12)))
    again, reordered = model(data.batch(order))
    torch.testing.assert_close(again, loss, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(reordered, embeddings[order], rtol=1e-3, atol=1e-4)


def test_mvgrl_scores_nodes_of_one_view_against_graphs_of_the_other(mvgrl):
    batch = make_set().diffused().batch(range(12))
    (nodes1, graphs1), (nodes2, graphs2) = mvgrl._views(batch)
    expected = jsd(mvgrl.node_head(nodes1), graphs2, batch.batch) + jsd(mvgrl.node_head(nodes2), graphs1, batch.batch)
    loss, embeddings = mvgrl(batch)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    torch.testing.assert_close(mvgrl.encode(batch), graphs1 + graphs2)
    torch.testing.assert_close(embeddings, torch.cat([F.normalize(graphs1), F.normalize(graphs2)], dim=1))


def test_mvgrl_sees_edges_normalised_with_self_loops_and_the_diffusion(mvgrl):
    data = make_set().diffused()
    graph = data.graphs[5]
    adjacency = torch.eye(graph.num_nodes)
    adjacency[tuple(graph.edge_index)] = 1
    scale = adjacency.sum(1) ** -0.5
    matrices = [scale[:, None] * adjacency * scale, torch.zeros_like(adjacency)]
    matrices[1][tuple(graph.diffusion_index)] = graph.diffusion_weight
    for matrix, encoder, (nodes, _) in zip(matrices, mvgrl.encoders, mvgrl._views(data.batch([5])), strict=True):
        expected = graph.x
        for layer, activation in zip(encoder.layers, encoder.activations, strict=True):
            expected = activation(matrix @ layer.lin(expected) + layer.bias)
        torch.testing.assert_close(nodes, expected, rtol=1e-4, atol=1e-5)


def test_mvgrl_trains_with_the_sampler(mvgrl):
    data = make_set(n_graphs=40).diffused()
    sampler = RandomWalkBatchSampler(40, 20, n_candidates=20, n_neighbors=10)
    history = train(mvgrl, data, sampler, 20, labels=data.labels, progress=False)
    assert history.columns["loss"][-1] < history.columns["loss"][0]


def test_mvgrl_trains_in_low_precision():
    losses = []
    for precision in ("float32", "bfloat16"):
        torch.manual_seed(0)
        model, data = MVGRL(4, width=8, n_layers=2), make_set(3).diffused()
        sampler = RandomWalkBatchSampler(len(data), 4, n_candidates=6, n_neighbors=3, restart=0.2)
        history = train(model, data, sampler, 10, precision=precision, progress=False)
        losses.append(history.columns["loss"])
    assert losses[0] != losses[1]
    np.testing.assert_allclose(*losses, atol=0.05)


@torch.no_grad()
def test_gcn_gives_what_its_layers_give():
    torch.manual_seed(0)
    encoder, x = GCN(3, width=8, n_layers=1), torch.rand(4, 3)
    edges = weighted_edges(torch.tensor([[0, 1, 2], [1, 0, 3]]), torch.tensor([0.5, 1.0, 2.0]), n_nodes=4)
    nodes, _ = encoder(x, edges, torch.tensor([0, 0, 1, 1]), 2)
    assert torch.equal(nodes, encoder.activations[0](encoder.layers[0](x, edges)))


def test_graphs_without_diffusion_are_refused(mvgrl):
    with pytest.raises(ValueError, match=r"batch must have a diffusion_index, got none: train on graphs.diffused\(\)"):
        mvgrl(make_batch())
