"""Graph data sets: the real ones by their statistics, damaged ones by their errors."""

import pickle
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import make_graphs, make_set
from torch.utils.data import DataLoader
from torch_geometric.datasets import TUDataset
from torch_geometric.io import read_tu_data
from torch_geometric.utils import is_undirected

from toolkit import RandomWalkBatchSampler, UniformBatchSampler
from toolkit.datasets import _files, graphs

# Graphs, mean nodes, mean edges, graphs of each class, features: as the collection's own table and files say.
STATISTICS = {
    "MUTAG": (188, 17.93, 19.79, [63, 125], 7),
    "NCI1": (4110, 29.87, 32.30, [2053, 2057], 37),
    "IMDB-BINARY": (1000, 19.77, 96.53, [500, 500], 101),
}
EDGES = {1: [(1, 2), (2, 1), (2, 3), (3, 2)], 2: [(4, 5), (5, 4)], 3: []}  # by graph; the third has one node, no edge
FILES = {
    "A": "\n".join(f"{a}, {b}" for edges in EDGES.values() for a, b in edges) + "\n",
    "graph_indicator": "1\n1\n1\n2\n2\n3\n",
    "graph_labels": "-1\n1\n-1\n",
    "node_labels": "0\n1\n0\n2\n2\n1\n",
}


@pytest.fixture
def raw(tmp_path):
    """Write a set of three small graphs; return the folder of its raw files."""
    folder = tmp_path / "graphs" / "TINY" / "raw"
    folder.mkdir(parents=True)
    for part, text in FILES.items():
        (folder / f"TINY_{part}.txt").write_text(text)
    return folder


def load(raw, **settings):
    return graphs.tu("TINY", raw.parents[2], **settings)


@pytest.mark.parametrize("name", STATISTICS)
def test_tu_sets_have_their_published_statistics(name, data_root):
    n, nodes, edges, classes, n_features = STATISTICS[name]
    data = graphs.tu(name, data_root(f"graphs/{name}"))
    assert len(data) == n
    assert round(np.mean([graph.num_nodes for graph in data.graphs]), 2) == pytest.approx(nodes, abs=0.005)
    assert round(np.mean([graph.num_edges / 2 for graph in data.graphs]), 2) == pytest.approx(edges, abs=0.005)
    assert np.bincount(data.labels).tolist() == classes
    assert data.n_features == n_features
    assert all((graph.x.sum(1) == 1).all() for graph in data.graphs), "one-hot labels or degrees"


def test_files_are_read_as_they_stand(raw):
    data = load(raw)
    assert repr(data) == "Graphs(TINY, 3 graphs, n_features=3, classes=2)"
    assert [graph.edge_index.T.tolist() for graph in data.graphs] == [
        [[0, 1], [1, 0], [1, 2], [2, 1]],
        [[0, 1], [1, 0]],
        [],
    ]
    assert [graph.x.argmax(1).tolist() for graph in data.graphs] == [[0, 1, 0], [2, 2], [1]]
    assert data.labels.tolist() == [0, 1, 0]


def test_degrees_are_the_features_where_there_are_no_labels(raw):
    (raw / "TINY_node_labels.txt").unlink()
    assert [graph.x.argmax(1).tolist() for graph in load(raw).graphs] == [[1, 2, 1], [1, 1], [0]]
    data = load(raw, max_degree=1)
    assert [graph.x.argmax(1).tolist() for graph in data.graphs] == [[1, 1, 1], [1, 1], [0]]
    assert {graph.x.shape[1] for graph in data.graphs} == {2}


def test_degrees_stand_beside_labels_on_request(raw):
    data = load(raw, degrees=True)
    assert data.n_features == 3 + 3
    assert [graph.x[:, :3].argmax(1).tolist() for graph in data.graphs] == [[0, 1, 0], [2, 2], [1]]
    assert [graph.x[:, 3:].argmax(1).tolist() for graph in data.graphs] == [[1, 2, 1], [1, 1], [0]]
    assert all((graph.x.sum(1) == 2).all() for graph in data.graphs)
    (raw / "TINY_node_labels.txt").unlink()
    assert load(raw, degrees=True).n_features == load(raw).n_features == 3, "once is enough"


def test_a_set_of_one_class_can_be_loaded(raw):
    (raw / "TINY_graph_labels.txt").write_text("7\n7\n7\n")
    assert load(raw).labels.tolist() == [0, 0, 0]


def test_class_labels_may_be_any_integers(raw):
    (raw / "TINY_graph_labels.txt").write_text(f"{2**63 - 1}\n{-(2**63)}\n{2**63 - 2}\n")
    assert load(raw).labels.tolist() == [2, 0, 1]


@pytest.mark.parametrize("part", ["A", "graph_indicator", "graph_labels"])
def test_missing_file_is_named_and_nothing_is_fetched(raw, part):
    (raw / f"TINY_{part}.txt").unlink()
    with pytest.raises(FileNotFoundError, match=rf"TINY_{part}.txt is missing: pass download=True"):
        load(raw)


def test_a_set_that_is_there_is_not_fetched(raw, monkeypatch):
    monkeypatch.setattr(TUDataset, "download", lambda self: pytest.fail("fetched"))
    assert len(load(raw, download=True)) == 3


def test_a_missing_set_is_fetched_when_told_to(raw, tmp_path, monkeypatch):
    def fetch(dataset):
        shutil.copytree(raw, dataset.raw_dir, dirs_exist_ok=True)

    monkeypatch.setattr(TUDataset, "download", fetch)
    assert len(graphs.tu("TINY", tmp_path / "elsewhere", download=True)) == 3


def test_fetching_never_reads_what_somebody_else_has_processed(raw, tmp_path, monkeypatch):
    class Hostile:
        def __reduce__(self):
            return pytest.fail, ("code of the file ran",)

    root = tmp_path / "elsewhere"
    processed = root / "graphs" / "TINY" / "processed" / "data.pt"
    processed.parent.mkdir(parents=True)
    processed.write_bytes(pickle.dumps(Hostile()))
    monkeypatch.setattr(TUDataset, "download", lambda self: shutil.copytree(raw, self.raw_dir, dirs_exist_ok=True))
    assert len(graphs.tu("TINY", root, download=True)) == 3
    assert sorted(path.name for path in processed.parents[1].iterdir()) == ["processed", "raw"]


def test_labels_of_several_columns_stand_side_by_side(raw):
    (raw / "TINY_node_labels.txt").write_text("5, 0\n6, 1\n5, 0\n5, 2\n5, 0\n6, 0\n")
    assert load(raw).graphs[0].x.tolist() == [[1, 0, 1, 0, 0], [0, 1, 0, 1, 0], [1, 0, 1, 0, 0]]


def test_self_loops_and_edges_listed_twice_are_dropped(raw):
    (raw / "TINY_A.txt").write_text(FILES["A"] + "1, 1\n5, 4\n4, 5\n")
    assert [graph.num_edges for graph in load(raw).graphs] == [4, 2, 0]


@pytest.mark.parametrize("name", ["MUTAG", "IMDB-BINARY"])
def test_reads_as_torch_geometric_does(name, data_root, tmp_path):
    root = data_root(f"graphs/{name}")
    shutil.copytree(root / "graphs" / name / "raw", tmp_path / name / "raw")
    data = graphs.tu(name, root)
    theirs = TUDataset(str(tmp_path), name)
    for ours, other in zip(data.graphs, theirs, strict=True):
        assert torch.equal(ours.edge_index, other.edge_index)
        if other.x is not None:
            assert torch.equal(ours.x, other.x)
    assert data.labels.tolist() == theirs.y.tolist()


@pytest.mark.parametrize("n_columns", [0, 1, 3])
def test_random_sets_are_read_as_torch_geometric_does(raw, n_columns):
    rng = np.random.default_rng(n_columns)
    sizes = rng.integers(2, 20, 30)
    starts = sizes.cumsum() - sizes + 1
    # The same two nodes may be drawn again, or be one; the last graph has an edge, or torch_geometric would lose it.
    pairs = [start + rng.integers(0, size, (rng.integers(60), 2)) for start, size in zip(starts, sizes, strict=True)]
    pairs = np.concatenate([*pairs, [[starts[-1], starts[-1] + 1]]])
    np.savetxt(raw / "TINY_A.txt", rng.permutation(np.concatenate([pairs, pairs[:, ::-1]])), "%d", ", ")
    np.savetxt(raw / "TINY_graph_indicator.txt", np.repeat(np.arange(1, 31), sizes), "%d")
    np.savetxt(raw / "TINY_graph_labels.txt", rng.integers(-2, 3, 30), "%d")
    np.savetxt(raw / "TINY_node_labels.txt", rng.integers(-3, 9, (sizes.sum(), max(n_columns, 1))), "%d", ",")
    if not n_columns:
        (raw / "TINY_node_labels.txt").unlink()
    data = load(raw)
    theirs, slices, _ = read_tu_data(str(raw), "TINY")
    assert torch.equal(torch.cat([graph.edge_index for graph in data.graphs], dim=1), theirs.edge_index)
    assert np.cumsum([graph.num_edges for graph in data.graphs]).tolist() == slices["edge_index"][1:].tolist()
    assert [graph.num_nodes for graph in data.graphs] == sizes.tolist()
    assert data.labels.tolist() == theirs.y.tolist()
    if n_columns:
        assert torch.equal(torch.cat([graph.x for graph in data.graphs]), theirs.x)


@pytest.mark.parametrize(
    ("part", "text", "message"),
    [
        ("A", "", r"A.txt is damaged \("),
        ("A", "1, 2\n2, 1\n2, 3\n", "A.txt is damaged, some edges go one way only"),
        ("A", "1, 2\n2, 1\n2,", r"A.txt is damaged \("),
        ("A", "1, 2\n2, x\n", r"A.txt is damaged \("),
        ("A", "1\n2\n", "A.txt is damaged, it has 1 columns"),
        ("A", "1, 2, 3\n2, 1, 3\n", "A.txt is damaged, it has 3 columns, not 2"),
        ("A", "1, 2\n2, 1, 3\n", r"A.txt is damaged \("),
        ("A", "1, 2\n2, 1\n#2, 3\n3, 2\n", r"A.txt is damaged \(it should hold whole numbers only, got b'#'\)"),
        ("A", "1, 2\n2, 1\n2, 3.0\n3, 2\n", r"A.txt is damaged \(it should hold whole numbers only, got b'.'\)"),
        ("A", "1, 2\n2, 1\nnan, 2\n", r"A.txt is damaged \(.*b'nan'"),
        ("A", "1, 2\n2, 1\n\0\0\n", r"A.txt is damaged \(.*b'.x00.x00'"),
        ("A", "1, 2\n, 1\n", r"A.txt is damaged \("),
        ("A", "1, 2\n2-1, 1\n", r"A.txt is damaged \("),
        ("A", f"1, 2\n2, 1\n{2**63}, 2\n", r"A.txt is damaged \("),
        ("A", f"1, 2\n2, 1\n{2**64}, 2\n", r"A.txt is damaged \("),
        ("A", "0, 1\n1, 0\n", "it has 6 nodes, but the edges name 0 to 1"),
        ("A", "1, 4\n4, 1\n", "A.txt is damaged, some edges join two graphs"),
        ("graph_indicator", "1\n1\n1\n2\n", "graph_labels.txt is damaged, it has 3 labels for 2 graphs"),
        (
            "graph_indicator",
            "1\n1\n2\n3\n",
            "it has 4 nodes, but the edges name 1 to 5",
        ),
        ("graph_indicator", "1, 1\n" * 6, "graph_indicator.txt is damaged, it has 2 columns, not 1"),
        ("graph_labels", "1, 1\n" * 3, "graph_labels.txt is damaged, it has 2 columns, not 1"),
        ("graph_indicator", "1\n1\n1\n3\n3\n3\n", "graph_indicator.txt is damaged, the graphs are not numbered"),
        ("graph_labels", "1\n-1\n", "graph_labels.txt is damaged, it has 2 labels for 3 graphs"),
        ("node_labels", "0\n1\n0\n2\n2\n", "node_labels.txt is damaged, it has 5 labels for 6 nodes"),
        (
            "node_labels",
            "0\n1\n0\n2\n2\n1000000000\n",
            "node_labels.txt has labels from 0 to 1000000000, whose one-hot features take 22.4 GiB, more than 4",
        ),
        (
            "node_labels",
            f"0\n1\n0\n2\n{-(2**63)}\n{2**63 - 1}\n",
            "node_labels.txt has labels from -9223372036854775808",
        ),
    ],
)
def test_damaged_file_is_named(raw, part, text, message):
    (raw / f"TINY_{part}.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        load(raw)
    (raw / f"TINY_{part}.txt").write_text(FILES[part])
    assert len(load(raw)) == 3, "a failure leaves nothing behind"


def test_bundled_molecules():
    data = graphs.bundled()
    assert np.bincount(data.labels).tolist() == [519, 517, 246]
    assert data.classes == ("low", "medium", "high")
    for graph in data.graphs:
        source, target = graph.edge_index
        assert (graph.x.sum(1) == 1).all()
        assert graph.pos.shape == (graph.num_nodes, 2)
        assert len(graph.bond) == graph.num_edges
        assert set(graph.bond.tolist()) <= {1, 2, 3}
        assert (source != target).all()
        assert not graph.has_isolated_nodes()
        assert is_undirected(graph.edge_index, graph.bond)
    # No carbon has more than four bonds.
    carbon = [valences(graph)[graph.x[:, 0] == 1].max() for graph in data.graphs if graph.x[:, 0].any()]
    assert max(carbon) == 4


def valences(graph):
    return torch.zeros(graph.num_nodes).index_add(0, graph.edge_index[0], graph.bond.float())


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:-9])])
def test_damaged_bundled_file_is_named(tmp_path, monkeypatch, damage):
    shutil.copytree(_files.bundled_folder() / "solubility", tmp_path / "solubility")
    damage(tmp_path / "solubility" / "bonds.npy")
    monkeypatch.setattr(_files, "bundled_folder", lambda: tmp_path)
    with pytest.raises((FileNotFoundError, ValueError), match=r"bonds.npy is (missing|damaged)"):
        graphs.bundled()


def test_batches_hold_the_graphs_of_their_indices():
    data = make_set()
    loader = DataLoader(data, batch_sampler=UniformBatchSampler(12, 5, seed=0), collate_fn=data.collate)
    for index, batch in loader:
        assert index.shape == (5,)
        for position, i in enumerate(index.tolist()):
            assert torch.equal(batch.get_example(position).x, data.graphs[i].x)
            assert torch.equal(batch.get_example(position).edge_index, data.graphs[i].edge_index)
    assert torch.equal(data.batch([3, 0]).x, torch.cat([data.graphs[3].x, data.graphs[0].x]))
    with pytest.raises(IndexError, match="indices must lie in"):
        data.batch([12])


def test_views_are_the_graphs_and_a_change_of_them():
    data = make_set()
    views = graphs.GraphViews(data, lambda batch: batch.clone().apply(torch.neg, "x"))
    index, batch, changed = views.collate([views[4], views[2]])
    assert index.tolist() == [4, 2]
    assert torch.equal(batch.x, data.batch([4, 2]).x)
    assert torch.equal(changed.x, -batch.x)
    assert views.labels is data.labels
    assert len(views) == 12


def test_walks_on_a_set_smaller_than_the_candidates_asked_for():
    # N = 188, M = 500: candidates are the other 187, never twice, never the graph itself.
    vectors = np.random.default_rng(0).normal(size=(188, 8))
    sampler = RandomWalkBatchSampler.from_embeddings(vectors, 128, n_candidates=500, n_neighbors=100)
    assert sampler.n_candidates == 187
    next(iter(sampler))
    for node, row in enumerate(sampler.graph.neighbors):
        assert len(set(row.tolist())) == 100
        assert node not in row


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), alpha=st.sampled_from([0.05, 0.2, 0.9]))
def test_diffusion_is_its_dense_closed_form(seed, alpha):
    data = make_set(seed, 4, largest=9)
    for graph, found in zip(data.graphs, data.diffused(alpha, eps=0).graphs, strict=True):
        expected = page_rank(graph, alpha)
        dense = np.zeros(expected.shape)
        dense[tuple(found.diffusion_index.numpy())] = found.diffusion_weight
        np.testing.assert_allclose(dense, expected, atol=1e-5)
        assert torch.equal(found.x, graph.x)
        assert torch.equal(found.edge_index, graph.edge_index)


def page_rank(graph, alpha):
    """The matrix of Hassani & Khasahmadi's equation 4, in float64."""
    adjacency = np.eye(graph.num_nodes)
    adjacency[tuple(graph.edge_index.numpy())] = 1
    scale = np.diag(adjacency.sum(1) ** -0.5)
    return alpha * np.linalg.inv(np.eye(graph.num_nodes) - (1 - alpha) * scale @ adjacency @ scale)


def test_small_diffusion_weights_are_left_out():
    data = make_set(2)
    whole, part = (data.diffused(eps=eps).graphs for eps in (0, 0.05))
    for all_of, kept in zip(whole, part, strict=True):
        assert kept.diffusion_weight.tolist() == all_of.diffusion_weight[all_of.diffusion_weight >= 0.05].tolist()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: graphs.Graphs([], [], ()), "graphs must hold one graph or more"),
        (lambda: graphs.Graphs(make_graphs(), [0, 1], ("a",)), r"labels must have shape \(12,\), one per graph"),
        (lambda: graphs.Graphs([empty_graph()], [0], ("a",)), "graph 0 has none"),
        (lambda: make_set().diffused(alpha=0), r"alpha must be a number in \(0, 1\), got 0"),
        (lambda: graphs.tu("MUTAG", max_degree=0), "max_degree must be at least 1"),
        (lambda: graphs.tu("MUTAG", "/nowhere"), r"MUTAG_A.txt is missing"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        make()


def empty_graph():
    graph = make_graphs()[0]
    graph.x = graph.x[:0]
    return graph
